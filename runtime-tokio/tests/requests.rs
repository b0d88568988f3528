//! Requests on real sockets: a connection that is lost in the middle of an answer, and a session that is.
#![expect(clippy::unwrap_used, reason = "helpers are test code as well")]

use core::time::Duration;
use portcullis::dialect::discord::{Intents, RequestGuildMembers};
use portcullis::machine::{Backoff, Config, Shutdown};
use portcullis::requests::RequestError;
use portcullis_fake::{ClientFrame, FakeConfig, FakeGateway, FakeHandle, FakeServer, Resumable, Target};
use portcullis_tokio::{Buffer, Sender, Shard};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

/// A guild that is none of the fake gateway's own: what is answered about it is this test's.
const GUILD: u64 = 7;

/// A shard in a task of its own that takes its events and looks at none.
async fn online(server: &FakeServer) -> (Sender, JoinHandle<()>) {
    let backoff = Backoff { spread: Duration::from_millis(100), ..Backoff::STANDARD };
    let builder = Shard::builder("a.bot.token", Intents::GUILDS).gateway(server.url());
    let shard = builder.config(Config { backoff, ..Config::default() }).build().unwrap();
    let (pump, mut events) = shard.split(Buffer::default());
    let sender = events.sender().clone();
    tokio::spawn(pump);
    let task = tokio::spawn(async move { while events.next().await.is_some() {} });
    timeout(PATIENCE, server.handle().until(|gateway| gateway.connections().count() == 1)).await.unwrap();
    (sender, task)
}

/// The `d` of each Request Guild Members that came.
fn asked(gateway: &FakeGateway) -> Vec<Value> {
    let data = gateway.received().filter_map(|received| match &received.frame {
        ClientFrame::Command { op: 8, data } => Some(data.as_str()),
        _ => None,
    });
    data.map(|json| serde_json::from_str(json).unwrap()).collect()
}

fn chunk(handle: &FakeHandle, nonce: &Value, index: u64) {
    let data = format!(
        r#"{{"guild_id":"{GUILD}","members":[{{"user":{{"id":"{index}"}}}}],"chunk_index":{index},"chunk_count":3,"nonce":{nonce}}}"#
    );
    handle.with(|gateway, now| gateway.dispatch(now, Target::All, "GUILD_MEMBERS_CHUNK", &data));
}

async fn first_nonce(handle: &FakeHandle) -> Value {
    timeout(PATIENCE, handle.until(|gateway| !asked(gateway).is_empty())).await.unwrap();
    handle.with(|gateway, _| asked(gateway)[0]["nonce"].clone())
}

#[tokio::test]
async fn an_answer_is_whole_though_the_link_is_lost_in_the_middle_of_it() {
    let server = FakeServer::start(FakeConfig::default()).await.unwrap();
    let handle = server.handle();
    let (sender, events) = online(&server).await;
    let answer = tokio::spawn(sender.request_guild_members(RequestGuildMembers::by_query(GUILD, "a", 9)));
    let nonce = first_nonce(&handle).await;
    chunk(&handle, &nonce, 2);
    handle.with(|gateway, now| gateway.drop_connections(now, Target::All));
    // The session is kept: what comes meanwhile is replayed.
    chunk(&handle, &nonce, 0);
    chunk(&handle, &nonce, 1);
    let members = timeout(PATIENCE, answer).await.unwrap().unwrap().unwrap();
    let ids: Vec<Value> =
        members.members::<Value>().unwrap().iter().map(|member| member["user"]["id"].clone()).collect();
    assert_eq!((members.guild_id(), ids), (GUILD, vec!["0".into(), "1".into(), "2".into()]));
    assert_eq!(handle.with(|gateway, _| asked(gateway).len()), 1, "a request that was answered is not sent again");

    sender.shutdown(Shutdown::EndSession);
    timeout(PATIENCE, events).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_ends_when_its_session_is_lost() {
    let server = FakeServer::start(FakeConfig::default()).await.unwrap();
    let handle = server.handle();
    let (sender, events) = online(&server).await;
    let answer = tokio::spawn(sender.request_guild_members(RequestGuildMembers::by_query(GUILD, "a", 9)));
    let nonce = first_nonce(&handle).await;
    chunk(&handle, &nonce, 0);
    handle.with(|gateway, now| gateway.invalid_session(now, Target::All, Resumable::No));
    assert_eq!(timeout(PATIENCE, answer).await.unwrap().unwrap(), Err(RequestError::SessionLost));

    sender.shutdown(Shutdown::EndSession);
    timeout(PATIENCE, events).await.unwrap().unwrap();
    let ended = sender.request_guild_members(RequestGuildMembers::by_query(GUILD, "a", 9)).await;
    assert_eq!(ended, Err(RequestError::Ended));
}
