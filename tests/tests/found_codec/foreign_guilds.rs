//! A command about a guild of another shard, which the gateway would never answer.

use portcullis::dialect::discord::{
    Command, Discord, ForeignGuilds, Intents, RequestChannelInfo, RequestGuildMembers, RequestSoundboardSounds,
    UpdateVoiceState,
};
use portcullis::dialect::{CommandError, RawCommand, ShardId};
use portcullis::machine::SendError;
use portcullis::requests::{RequestError, RequestPolicy};
use portcullis_tests::Rig;
use portcullis_tests::rig::{TOKEN, prompt};
use serde_json::json;

/// A guild of this shard of four.
const fn guild(shard: u64) -> u64 {
    (967_500_967_257 * 4 + shard) << 22 | 0x2A_BCDE
}

fn rig(foreign_guilds: ForeignGuilds) -> Rig {
    let discord = Discord::new(TOKEN, Intents::all()).unwrap().with_shard(ShardId::new(1, 4).unwrap());
    let mut rig = Rig::of(discord.with_foreign_guilds(foreign_guilds), prompt());
    rig.start().open();
    rig
}

fn commands(guild_id: u64) -> [Command; 5] {
    [
        Command::UpdateVoiceState(UpdateVoiceState::join(guild_id, 1)),
        Command::UpdateVoiceState(UpdateVoiceState::leave(guild_id)),
        Command::RequestGuildMembers(RequestGuildMembers::all(guild_id)),
        Command::RequestChannelInfo(RequestChannelInfo::all(guild_id)),
        Command::RequestSoundboardSounds(RequestSoundboardSounds::new([guild(1), guild_id])),
    ]
}

#[test]
fn found_06_a_command_about_a_guild_of_another_shard_is_refused_with_the_right_one() {
    let mut rig = rig(ForeignGuilds::default());
    for other in [0, 2, 3] {
        let (guild_id, shard) = (guild(other), ShardId::new(u32::try_from(other).unwrap(), 4).unwrap());
        for command in commands(guild_id) {
            let error = SendError::Command(CommandError::ForeignGuild { guild_id, shard });
            assert_eq!(rig.send(command), Err(error));
        }
    }
    assert_eq!(
        CommandError::ForeignGuild { guild_id: 1 << 22, shard: ShardId::new(1, 4).unwrap() }.to_string(),
        "guild 4194304 belongs to shard [1, 4]; send the command there, \
         or let foreign guilds pass where a proxy places them"
    );
    assert_eq!(rig.machine.room(), 256, "nothing was queued");
    for command in commands(guild(1)) {
        assert!(rig.send(command).is_ok());
    }
    // The shard of a raw command is not checked.
    let raw = RawCommand::new(&json!({"op": 8, "d": {"guild_id": guild(0).to_string()}})).unwrap();
    assert!(rig.send(Command::Raw(raw)).is_ok());
}

#[test]
fn found_06_a_request_about_a_guild_of_another_shard_fails_at_once() {
    let rig = rig(ForeignGuilds::default());
    let mut requests = rig.machine.requests(RequestPolicy::default());
    let (guild_id, shard) = (guild(3), ShardId::new(3, 4).unwrap());
    let error = RequestError::Send(SendError::Command(CommandError::ForeignGuild { guild_id, shard }));
    assert_eq!(requests.ask(RequestGuildMembers::all(guild_id)), Err(error.clone()));
    assert_eq!(requests.ask(RequestChannelInfo::all(guild_id)), Err(error.clone()));
    assert_eq!(requests.ask(RequestSoundboardSounds::new([guild_id])), Err(error));
    assert!(requests.ask(RequestGuildMembers::all(guild(1))).is_ok());
    assert_eq!(requests.open(), 1);
}

#[test]
fn found_06_behind_a_proxy_foreign_guilds_may_pass() {
    let mut rig = rig(ForeignGuilds::Send);
    for command in commands(guild(3)) {
        assert!(rig.send(command).is_ok());
    }
    let mut requests = rig.machine.requests(RequestPolicy::default());
    assert!(requests.ask(RequestGuildMembers::all(guild(3))).is_ok());
}
