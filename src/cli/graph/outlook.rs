//! When a bottleneck may resolve, in the words of the specification.

use prost_types::Timestamp;
use tasker_sdk::proto::tasker::v1 as pb;

/// When a bottleneck may resolve, seen from `now`.
pub(super) fn outlook(bottleneck: &pb::Bottleneck, now: Option<Timestamp>) -> String {
    use pb::BottleneckType as Kind;
    let minutes = bottleneck.resolution_time.zip(now).map(|(at, now)| {
        let seconds = (at.seconds - now.seconds).max(0) + i64::from(at.nanos > now.nanos);
        (seconds + 59) / 60
    });
    match (bottleneck.bottleneck_type(), minutes) {
        (Kind::PermanentFailure, _) => "Immediate action needed".to_owned(),
        (_, Some(1)) => "1 minute".to_owned(),
        (_, Some(minutes)) => format!("{minutes} minutes"),
        (Kind::ActiveError, None) => "Within next retry cycle".to_owned(),
        (Kind::DependencyBlock, None) => "Depends on upstream steps".to_owned(),
        (Kind::RetryExhaustion | Kind::Unspecified, None) => "Unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: pb::BottleneckType, seconds: Option<i64>, expected: &str) {
        let at = |seconds| Timestamp { seconds, nanos: 0 };
        let bottleneck = pb::Bottleneck {
            bottleneck_type: kind.into(),
            resolution_time: seconds.map(at),
            ..pb::Bottleneck::default()
        };
        assert_eq!(outlook(&bottleneck, Some(at(0))), expected);
    }

    #[test]
    fn bottlenecks_resolve_in_the_words_of_the_specification() {
        use pb::BottleneckType as Kind;
        check(Kind::PermanentFailure, None, "Immediate action needed");
        check(Kind::ActiveError, Some(60), "1 minute");
        check(Kind::ActiveError, Some(61), "2 minutes");
        check(Kind::ActiveError, None, "Within next retry cycle");
        check(Kind::DependencyBlock, None, "Depends on upstream steps");
        check(Kind::RetryExhaustion, Some(30), "1 minute");
        check(Kind::RetryExhaustion, None, "Unknown");
    }
}
