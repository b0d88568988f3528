//! What the run came to.

use super::print::Printer;
use core::time::Duration;
use portcullis_tokio::Shard;
use serde_json::json;
use std::io;

/// Prints how the shard fared. `given` is the last sequence that the fake gateway gave, where it was one.
pub(crate) fn print(printer: &mut Printer, shard: &Shard, given: Option<u64>) -> io::Result<()> {
    let machine = shard.machine();
    let health = machine.health();
    let counts = health.counts;
    let total: u64 = health.events.iter().map(|(_, count)| count).sum::<u64>() + health.events.others();

    printer.plain("")?;
    printer.plain("events")?;
    for (name, count) in health.events.iter() {
        printer.plain(&format!("  {name:<28} {count:>8}"))?;
    }
    printer.plain(&format!("  {:<28} {total:>8}", "in all"))?;
    printer.plain("shard")?;
    let rows = [
        ("connections", counts.connections),
        ("identifies", counts.identifies),
        ("resumes", counts.resumes),
        ("heartbeats sent", counts.beats_sent),
        ("heartbeats acknowledged", counts.beats_acked),
        ("events missing", counts.gaps),
        ("events come twice", counts.duplicates),
    ];
    for (name, count) in rows {
        printer.plain(&format!("  {name:<28} {count:>8}"))?;
    }
    printer.plain(&format!("  {:<28} {:>8}", "latency", millis(health.latency_smoothed)))?;
    let lost = given.map(|given| given.saturating_sub(total));
    if let (Some(given), Some(lost)) = (given, lost) {
        let verdict = if lost == 0 { "nothing lost".into() } else { format!("{lost} LOST") };
        printer.plain(&format!("{verdict}: the gateway gave {given} events, {total} came"))?;
    }
    printer.object(&json!({ "summary": {
        "events": total, "connections": counts.connections, "identifies": counts.identifies, "resumes": counts.resumes,
        "gaps": counts.gaps, "duplicates": counts.duplicates, "lost": lost,
        "latency": health.latency_smoothed.map(|latency| latency.as_secs_f64()),
    }}))
}

fn millis(span: Option<Duration>) -> String {
    span.map_or_else(|| "-".into(), |span| format!("{:.1} ms", span.as_secs_f64() * 1000.0))
}
