//! A machine without a runtime: what the world did is read from a list, and what the machine wants done is printed.
//!
//! ```sh
//! cargo run -p portcullis --example bare_loop
//! ```

use core::time::Duration;
use portcullis::dialect::discord::Intents;
use portcullis::{Action, CloseReason, Config, ConnectionId, Discord, GatewayMachine, Input, Message, Seed, Timestamp};
use std::collections::VecDeque;

const FIRST: ConnectionId = ConnectionId(1);
const SECOND: ConnectionId = ConnectionId(2);

/// A connection that was recorded: when, in milliseconds, and what.
fn recorded() -> VecDeque<(u64, Input)> {
    let frame = |connection, text: &'static str| Input::Message(connection, Message::Text(text.into()));
    let hello = r#"{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250}}"#;
    VecDeque::from([
        (0, Input::Start),
        (120, Input::Opened(FIRST)),
        (121, frame(FIRST, hello)),
        (121, Input::IdentifyGranted(FIRST)),
        (122, Input::Sent(FIRST)),
        (310, frame(FIRST, r#"{"t":"READY","s":1,"op":0,"d":{"session_id":"5e551011"}}"#)),
        (450, frame(FIRST, r#"{"t":"MESSAGE_CREATE","s":2,"op":0,"d":{"content":"hello"}}"#)),
        (900, Input::Closed(FIRST, CloseReason::Eof)),
        (3000, Input::Opened(SECOND)),
        (3001, frame(SECOND, hello)),
        (3002, Input::Sent(SECOND)),
        (3100, frame(SECOND, r#"{"t":"MESSAGE_CREATE","s":3,"op":0,"d":{"content":"missed"}}"#)),
        (3101, frame(SECOND, r#"{"t":"RESUMED","s":4,"op":0,"d":{}}"#)),
    ])
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let discord = Discord::new("a.bot.token", Intents::UNPRIVILEGED)?;
    let mut machine = GatewayMachine::new(discord, Config::default(), Seed(7))?;
    let mut recorded = recorded();

    while let Some(&(at, _)) = recorded.front() {
        // What comes first: the world, or the moment at which the machine is to be called again?
        let at = Timestamp::since_start(Duration::from_millis(at));
        let (now, input) = match machine.deadline() {
            Some(deadline) if deadline < at => (deadline, Input::Tick),
            _ => (at, recorded.pop_front().map_or(Input::Tick, |(_, input)| input)),
        };
        println!("{now} {input:?}");
        for action in machine.handle(now, input) {
            match action {
                Action::Wait { until, timer } => println!("          … until {until}, {timer}"),
                action => println!("          {action:?}"),
            }
        }
    }
    println!("\nwhy it moved:");
    for transition in machine.explain() {
        println!("  {transition}");
    }
    println!("\n{:#?}", machine.health());
    Ok(())
}
