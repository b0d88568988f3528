//! Members that stay who they are: the same each time they are asked for.

use super::{FIRST_USER, Generator};
use crate::payloads::BOT;

/// A member of a guild, by its index there. 0 is the bot itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    username: String,
    nick: Option<String>,
    /// The member object.
    pub(crate) member: String,
    /// The presence of one that is online: one in three.
    pub(crate) presence: Option<String>,
}

impl Person {
    pub(crate) fn of(guild: u64, index: u32) -> Self {
        // A user is the same in every guild, a member is not.
        let (mut as_user, mut as_member) = (Generator::new(index.into()), Generator::new(guild ^ u64::from(index)));
        let (rest, nick) = as_member.member_keys();
        if index == 0 {
            return Self { username: "TestBot".into(), nick: None, member: bot(&as_member.moment()), presence: None };
        }
        let (id, username) = (user_id(index), as_user.name());
        let user = as_user.user_named(id, &username);
        let presence = index.is_multiple_of(3).then(|| as_member.presence_of(id, guild));
        Self { username, nick, member: format!(r#"{{"user":{user},{rest}}}"#), presence }
    }

    /// Whether a name begins so, whatever its case.
    pub(crate) fn is_called(&self, prefix: &str) -> bool {
        let prefix = prefix.to_lowercase();
        self.username.to_lowercase().starts_with(&prefix)
            || self.nick.as_ref().is_some_and(|nick| nick.to_lowercase().starts_with(&prefix))
    }

    /// Which member of a guild with this many members has this user's id.
    pub(crate) fn index_of(user: u64, members: u32) -> Option<u32> {
        if user.to_string() == BOT {
            return Some(0).filter(|&index| index < members);
        }
        let number = user.checked_sub(FIRST_USER).filter(|number| number % (1 << 22) == 0)? >> 22;
        u32::try_from(number).ok().filter(|index| (1..members).contains(index))
    }
}

fn user_id(index: u32) -> u64 {
    FIRST_USER + (u64::from(index) << 22)
}

fn bot(joined: &str) -> String {
    format!(
        r#"{{"user":{{"username":"TestBot","public_flags":0,"id":"{BOT}","global_name":null,"discriminator":"0861","bot":true,"avatar":null}},"roles":[],"premium_since":null,"pending":false,"nick":null,"mute":false,"joined_at":"{joined}","flags":0,"deaf":false,"communication_disabled_until":null,"banner":null,"avatar":null}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_member_is_the_same_each_time_and_found_by_id_and_name() {
        for index in 0..50 {
            let person = Person::of(7 << 22, index);
            assert_eq!(person, Person::of(7 << 22, index));
            let member: Value = serde_json::from_str(&person.member).unwrap();
            let (id, name) = (member["user"]["id"].as_str().unwrap(), member["user"]["username"].as_str().unwrap());
            assert_eq!(Person::index_of(id.parse().unwrap(), 50), Some(index));
            assert_eq!(Person::index_of(id.parse().unwrap(), index), None, "one behind the last is unknown");
            assert!(person.is_called(&name[..3]) && person.is_called(&name.to_uppercase()) && !person.is_called("#"));
            assert!(member["nick"].is_null() || person.is_called(member["nick"].as_str().unwrap()));
            let presence: Option<Value> = person.presence.map(|text| serde_json::from_str(&text).unwrap());
            assert_eq!(presence.is_some(), index > 0 && index % 3 == 0);
            assert!(presence.is_none_or(|presence| presence["user"]["id"] == id));
        }
        assert_eq!(Person::index_of(1, 50), None);
        assert_eq!(Person::index_of(FIRST_USER + 1, 50), None);
    }
}
