//! The API as the author of a bot meets it.
#![expect(clippy::unwrap_used, reason = "helpers are test code as well")]

use portcullis::dialect::RawCommand;
use portcullis::dialect::discord::{Command, Intents};
use portcullis::machine::{Config, Limits, Shutdown};
use portcullis_tokio::http::{Request, Response};
use portcullis_tokio::{Builder, Rest, Shard};
use std::error::Error;

fn builder() -> Builder {
    Shard::builder("a.bot.token", Intents::GUILDS)
}

/// What a `main` that returns `Result<(), Box<dyn Error>>` prints of it.
fn printed<T>(result: Result<T, impl Into<Box<dyn Error>>>) -> String {
    let failed: Box<dyn Error> = result.map(drop).map_err(Into::into).unwrap_err();
    format!("Error: {failed:?}")
}

#[tokio::test]
async fn found_20_a_main_that_fails_prints_what_to_mend() {
    let no_outbox = Config { limits: Limits { outbox: 0, ..Limits::default() }, ..Config::default() };
    let refusing =
        Rest::with_client(async |_: Request<()>| Ok(Response::builder().status(401).body(Vec::new()).unwrap()));
    let shard = builder().build().unwrap();
    let sender = shard.sender();
    sender.shutdown(Shutdown::EndSession);
    drop(shard);
    for (printed, wanted) in [
        (printed(builder().gateway("https://h").build()), "gateway url: the url must start with wss:// or ws://"),
        (printed(Shard::builder("", Intents::GUILDS).build()), "token: the token is empty, check that"),
        (printed(builder().config(no_outbox).build()), "limits.outbox is 0; no command could ever be sent"),
        (printed(builder().proxy("ftp://h").build()), "the scheme of the proxy's url is unknown, use http or socks5"),
        (printed(builder().header("host", "h").build()), "the header host is made by the websocket handshake itself"),
        (printed(builder().build_all_by(&refusing).await), "the API refused the token with 401: copy the bot's token"),
        (printed(builder().build_all_by(&refusing.clone().at("h")).await), "the API's base is no URL: it should look"),
        (printed("GUILDZ".parse::<Intents>()), "there is no intent \"GUILDZ\", give names like GUILDS|GUILD_MESSAGES"),
        (printed("2/2".parse::<portcullis::dialect::ShardId>()), "there is no shard 2 of 2, shards are counted from 0"),
        (printed("gzip".parse::<portcullis::codec::Compression>()), "no such compression; there are none, zlib-stream"),
        (printed(RawCommand::new("text")), "the command is no json object"),
        (
            printed(sender.send(Command::Raw(RawCommand::new(&NoFields {}).unwrap()))),
            "the shard is over; start another",
        ),
    ] {
        assert!(printed.starts_with(&format!("Error: {wanted}")), "{printed}");
    }
}

#[derive(serde::Serialize)]
struct NoFields {}
