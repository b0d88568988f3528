//! A session that goes from one runtime to the next, and back.

#[path = "hosts/async_std.rs"]
mod on_async_std;
#[path = "hosts/smol.rs"]
mod on_smol;
#[path = "hosts/tokio.rs"]
mod on_tokio;

use core::time::Duration;
use on_async_std::OnAsyncStd;
use on_smol::OnSmol;
use on_tokio::CurrentThread;
use portcullis::machine::{EndReason, Session, Shutdown};
use portcullis_tests::conformance::{Fake, Host, Lab, Stage, stage};
use std::sync::mpsc;

/// Becomes active by an Identify, or with a session by a Resume, and exports the session after one more message, which only a
/// replay can bring.
fn visit<H: Host>(fake: Fake, session: Option<Session>) -> (Fake, Session) {
    let (tell, told) = mpsc::channel();
    H::run(async move {
        let lab = Lab::default();
        let settings = stage::settings::<H>(&lab, &fake.url);
        let mut stage = match session {
            None => {
                let mut stage = Stage::<H> { fake, shard: settings.build().unwrap(), lab };
                stage.come_online().await;
                stage
            }
            Some(session) => {
                fake.say("missed");
                let shard = settings.resume(session, Duration::from_secs(1)).build().unwrap();
                let mut stage = Stage::<H> { fake, shard, lab };
                assert_eq!(stage.resumed().await, ["missed"]);
                stage
            }
        };
        stage.fake.say("heard");
        assert_eq!(stage.hear().await.2, "heard");
        stage.shard.shutdown(Shutdown::KeepSession);
        assert_eq!(stage.end().await, EndReason::Shutdown);
        tell.send((stage.fake, stage.shard.session().unwrap())).unwrap();
    });
    told.recv().unwrap()
}

#[test]
fn a_session_that_was_exported_on_one_runtime_is_resumed_on_another() {
    let (fake, session) = visit::<CurrentThread>(Fake::start(), None);
    let (fake, session) = visit::<OnAsyncStd>(fake, Some(session));
    let (fake, session) = visit::<OnSmol>(fake, Some(session));
    let (fake, _) = visit::<CurrentThread>(fake, Some(session));
    let counters = fake.with(|gateway, _| gateway.counters());
    assert_eq!((counters.identifies, counters.resumed, counters.breaches), (1, 3, 0));
}
