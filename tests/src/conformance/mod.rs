//! The conformance suite: what every runtime must do, written once, run on each.
//!
//! A runtime is a [`Host`]; `conformance!` makes a `#[test]` of each case on it. The gateway is the fake one, on a thread of
//! its own ([`Fake`]), reached over the loopback interface, where needed through a [`Relay`] that fails as networks do.
//! Sockets are real. Time is real as well, and leaps where a case would wait ([`Lab`]), so that nothing takes seconds. Nothing
//! asserts how long something took, and nothing sleeps: what is waited for is a condition, with much patience.

pub mod cancel;
pub mod dial;
pub mod fake;
pub mod faults;
pub mod lab;
pub mod life;
pub mod pressure;
pub mod relay;
pub mod shutdown;
pub mod sockets;
pub mod stage;
pub mod time;
pub mod tls;

pub use fake::Fake;
pub use lab::Lab;
pub use relay::Relay;
pub use stage::Stage;

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use portcullis_runtime::Runtime;

/// A runtime, as the suite needs it.
pub trait Host: Send + Sync + 'static {
    /// The adapter.
    type Runtime: Runtime + Default;

    /// Runs a case to its end, in a task of the runtime.
    fn run(case: impl Future<Output = ()> + Send + 'static);

    /// Runs a task beside the case, to its end or the runtime's.
    fn spawn(task: impl Future<Output = ()> + Send + 'static);
}

/// How long something is waited for that must come: so long that only what never comes takes it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for what must come.
///
/// # Panics
/// When it does not, with what the reason has to say.
pub async fn patiently<H: Host, T>(awaited: impl Future<Output = T>) -> T {
    let runtime = H::Runtime::default();
    let (mut awaited, mut limit) = (pin!(awaited), pin!(runtime.sleep_until(runtime.now() + PATIENCE)));
    poll_fn(|cx| {
        if let Poll::Ready(done) = awaited.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        assert!(limit.as_mut().poll(cx).is_pending(), "what must come did not, in {PATIENCE:?}");
        Poll::Pending
    })
    .await
}

/// Makes a test of each case, on a [`Host`].
#[macro_export]
macro_rules! conformance {
    ($host:ty) => {
        $crate::conformance! { $host:
            life: a_shard_connects_hears_loses_its_link_resumes_and_ends,
            life: a_split_shard_lives_in_a_task_of_its_own,
            life: a_sender_sends_from_another_task_and_awaits_its_ticket_there,
            life: a_command_sent_while_the_shard_waits_for_events_leaves_at_once,
            life: a_session_goes_on_in_another_shard,
            faults: a_cut_link_is_resumed,
            faults: a_reset_link_is_resumed,
            faults: a_reconnect_on_request_loses_nothing,
            faults: an_invalid_session_is_resumed_or_begun_anew_as_it_says,
            faults: a_close_code_means_what_the_table_says,
            faults: a_fatal_close_code_ends_the_shard,
            faults: a_zombie_is_left_and_its_session_resumed,
            faults: a_message_comes_whole_however_it_is_cut_up,
            faults: a_link_that_ends_within_a_message_is_resumed,
            faults: twenty_shards_lose_their_links_again_and_again_and_no_event,
            pressure: a_consumer_that_stands_still_stops_the_gateway_and_loses_nothing,
            pressure: a_split_shard_beats_on_time_while_its_consumer_stands_still,
            pressure: a_slow_reader_beats_between_its_events,
            pressure: a_beat_goes_out_while_a_huge_frame_comes_in,
            pressure: a_frame_of_4_mb_comes_whole,
            pressure: a_frame_above_the_limit_costs_the_link_and_in_the_end_the_session,
            cancel: nothing_is_lost_when_next_event_is_dropped_at_every_poll,
            cancel: a_shard_goes_on_in_another_task_at_any_moment,
            shutdown: before_the_first_poll,
            shutdown: while_dialing,
            shutdown: before_hello,
            shutdown: while_queued_for_an_identify,
            shutdown: before_ready,
            shutdown: while_online,
            shutdown: before_resumed,
            shutdown: while_waiting_to_reconnect,
            shutdown: while_closing,
            shutdown: after_the_end,
            tls: a_shard_lives_over_tls,
            tls: a_certificate_of_another_authority_is_refused,
            tls: a_certificate_of_another_name_is_refused,
            tls: a_server_without_tls_is_no_wss_gateway,
            sockets: a_window_at_zero_costs_the_link_when_the_write_is_due,
            sockets: a_half_open_link_is_found_by_its_missing_beat,
            sockets: a_link_that_falls_silent_in_the_handshake_is_left,
            dial: a_closed_port_refuses,
            dial: a_black_hole_is_given_up,
            dial: a_second_address_is_tried_beside_a_black_hole,
            dial: a_name_that_nobody_has_is_told,
            dial: a_status_is_told_and_a_retry_after_is_waited_for,
            dial: an_answer_that_is_no_upgrade_is_a_fault_of_protocol,
            time: a_heartbeat_interval_of_a_second_is_kept,
            time: a_hello_that_asks_for_a_millisecond_is_clamped_and_nothing_spins,
            time: a_clock_that_leaps_hours_kills_no_healthy_link,
            time: a_timer_is_never_early,
        }
    };
    ($host:ty: $($group:ident: $case:ident,)*) => {
        $(
            #[test]
            fn $case() {
                <$host as $crate::conformance::Host>::run($crate::conformance::$group::$case::<$host>());
            }
        )*
    };
}
