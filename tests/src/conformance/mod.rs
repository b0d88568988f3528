//! The conformance suite: what every runtime must do, written once, run on each.
//!
//! A runtime is a [`Host`]; `conformance!` makes a `#[test]` of each case on it. The gateway is the fake one, on a thread of
//! its own ([`Fake`]), reached over the loopback interface, where needed through a [`Relay`] that fails as networks do.
//! Sockets are real. Time is real too, and leaps where a case would wait ([`Lab`]), so that no case takes seconds. No case
//! sleeps or asserts how long something took: each waits for a condition, with a long time-out.

mod boundary;
pub mod cancel;
pub mod dial;
pub mod fake;
pub mod faults;
pub mod flood;
pub mod lab;
pub mod life;
pub mod pressure;
pub mod relay;
pub mod shutdown;
pub mod sockets;
pub mod stage;
pub mod time;
pub mod tls;
pub mod upgrade;

pub use fake::Fake;
pub use lab::Lab;
pub use relay::Relay;
pub use stage::Stage;

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use portcullis_runtime::{Runtime, WebSocketLayer};

/// A runtime, as the suite needs it.
pub trait Host: Send + Sync + 'static {
    /// The adapter.
    type Runtime: Runtime + Default;

    /// The WebSocket layer of the shards.
    const WEBSOCKET: WebSocketLayer = WebSocketLayer::Native;

    /// Runs a case to its end, in a task of the runtime.
    fn run(case: impl Future<Output = ()> + Send + 'static);

    /// Runs a task beside the case, to its end or the runtime's.
    fn spawn(task: impl Future<Output = ()> + Send + 'static);
}

/// The time-out for a condition that must come true: so long that a busy machine does not reach it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for a future that must complete.
///
/// # Panics
/// If it does not, with the text of `reason`.
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
            flood: found_28_beats_and_a_shutdown_go_out_in_a_flood_of_pongs,
            flood: found_28_a_hello_is_given_up_in_a_flood_of_pongs,
            flood: found_32_a_beat_goes_out_in_a_message_without_end,
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
            dial: found_13_a_redirect_tells_its_location,
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

/// Makes a test of each case that the native WebSocket layer alone passes, on a [`Host`].
#[macro_export]
macro_rules! conformance_native {
    ($host:ty) => {
        $crate::conformance! { $host:
            upgrade: found_12_a_connection_header_may_be_a_list,
            upgrade: found_12_an_answer_in_one_byte_segments_is_taken,
            upgrade: found_12_what_was_not_offered_fails_the_handshake,
            upgrade: found_12_a_close_code_is_told_as_it_came,
            upgrade: found_12_a_violation_is_answered,
        }
    };
}
