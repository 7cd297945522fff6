//! Simulated machines with virtual time.

use super::*;
use std::{cmp::Reverse, collections::BinaryHeap};

/// What a simulation saw.
struct Seen {
    /// When the last task ended.
    end: f64,
    /// When each began, and with what.
    began: Vec<(f64, Share)>,
}

/// Carries a schedule out on a machine whose tasks take `seconds`, which the scheduler need not know.
fn simulate(tasks: &[Task], machine: &Machine, seconds: &[f64]) -> Seen {
    let mut schedule = Schedule::new(tasks.to_vec(), machine.clone());
    let mut began = vec![(f64::NAN, Share::Threads(0)); tasks.len()];
    let mut running: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let mut now = 0.0;
    loop {
        while let Some(Start { task, share }) = schedule.start() {
            let ready = tasks[task]
                .after
                .iter()
                .all(|&input| began[input].0 + seconds[input] <= now);
            assert!(ready, "task {task} began before its inputs were there");
            assert!(began[task].0.is_nan(), "task {task} began twice");
            began[task] = (now, share);
            // Positive floats are ordered as their bits are.
            running.push(Reverse(((now + seconds[task]).to_bits(), task)));
        }
        let Some(Reverse((end, task))) = running.pop() else {
            break;
        };
        now = f64::from_bits(end);
        schedule.finish(task);
    }
    assert!(schedule.is_over(), "every task ran");
    Seen { end: now, began }
}

fn cpu(jobs: usize) -> Machine {
    Machine {
        jobs,
        threads: jobs,
        bytes: u64::MAX,
        gpus: Vec::new(),
    }
}

fn end(tasks: &[Task], machine: &Machine) -> f64 {
    let seconds: Vec<f64> = tasks.iter().map(|task| task.seconds).collect();
    simulate(tasks, machine, &seconds).end
}

/// SplitMix64 (Steele et al. 2014).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() * bound as f64) as usize
    }
}

/// A schedule without a gap, cut into tasks: its length is the optimum. `chained`: each task follows the one before it on
/// its worker; `crossed`: and some that end elsewhere by then.
fn packed(chance: &mut Chance, workers: usize, pieces: usize, chained: bool, crossed: bool) -> Vec<Task> {
    let mut cuts = Vec::new();
    for worker in 0..workers {
        let mut at: Vec<f64> = (0..pieces - 1).map(|_| (chance.next() * 1e6).round()).collect();
        at.extend([0.0, 1e6]);
        at.sort_by(f64::total_cmp);
        at.dedup();
        cuts.extend(at.windows(2).map(|cut| (cut[0], cut[1], worker)));
    }
    cuts.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.2.cmp(&b.2)));
    let mut tasks: Vec<Task> = Vec::new();
    for (place, &(from, to, worker)) in cuts.iter().enumerate() {
        let earlier = 0..place;
        let mut after: Vec<usize> = earlier
            .filter(|&other| cuts[other].1 <= from)
            .filter(|&other| {
                let follows = cuts[other].2 == worker && cuts[other].1 == from;
                follows && chained || crossed && chance.next() < 0.05
            })
            .collect();
        after.dedup();
        tasks.push(Task {
            after,
            seconds: to - from,
            ..Task::default()
        });
    }
    tasks
}

#[test]
fn graphs_of_known_optimum_end_within_a_twentieth_of_it() {
    let mut chance = Chance(7);
    let mut worst = 1.0_f64;
    for round in 0..300 {
        let workers = 1 + chance.below(16);
        let pieces = 12 + chance.below(20);
        let (chained, crossed) = [(true, false), (true, true), (false, false)][round % 3];
        let tasks = packed(&mut chance, workers, pieces, chained, crossed);
        worst = worst.max(end(&tasks, &cpu(workers)) / 1e6);
    }
    assert!(worst <= 1.05, "{worst}");
}

#[test]
fn random_graphs_end_within_the_bound() {
    let mut chance = Chance(11);
    for round in 0..2_000 {
        let (count, workers) = (1 + chance.below(120), 1 + chance.below(12));
        let density = chance.next() * chance.next() * 0.3;
        let tasks: Vec<Task> = (0..count)
            .map(|place| Task {
                after: (0..place).filter(|_| chance.next() < density).collect(),
                seconds: (chance.next() * 6.0).exp(),
                ..Task::default()
            })
            .collect();
        let path = longest_paths(&tasks).into_iter().fold(0.0, f64::max);
        let work: f64 = tasks.iter().map(|task| task.seconds).sum();
        let longest = tasks.iter().map(|task| task.seconds).fold(0.0, f64::max);
        let bound = path.max(work / workers as f64) + longest;
        let end = end(&tasks, &cpu(workers));
        assert!(end <= bound * (1.0 + 1e-9), "round {round}: {end} > {bound}");
    }
}

#[test]
fn wrong_estimates_keep_grahams_bound() {
    let mut chance = Chance(13);
    for _ in 0..300 {
        let (count, workers) = (1 + chance.below(80), 1 + chance.below(8));
        let mut tasks: Vec<Task> = (0..count)
            .map(|place| Task {
                after: (0..place).filter(|_| chance.next() < 0.05).collect(),
                seconds: 1.0 + chance.next() * 100.0,
                ..Task::default()
            })
            .collect();
        let seconds: Vec<f64> = tasks.iter().map(|task| task.seconds).collect();
        let path = longest_paths(&tasks).into_iter().fold(0.0, f64::max);
        for task in &mut tasks {
            task.seconds *= 0.1 + 10.0 * chance.next();
        }
        let work: f64 = seconds.iter().sum();
        let workers_f = workers as f64;
        // Any list schedule: work / m + (1 - 1 / m) x critical path.
        let bound = work / workers_f + (1.0 - 1.0 / workers_f) * path;
        let end = simulate(&tasks, &cpu(workers), &seconds).end;
        assert!(end <= bound * (1.0 + 1e-9), "{end} > {bound}");
    }
}

fn task(after: &[usize], seconds: f64) -> Task {
    Task {
        after: after.to_vec(),
        seconds,
        ..Task::default()
    }
}

#[test]
fn the_costliest_path_begins_first() {
    // Three short tasks stand before a long chain in the plan; begun in that order they would end at 14.
    let tasks = [
        task(&[], 2.0),
        task(&[], 2.0),
        task(&[], 2.0),
        task(&[], 1.0),
        task(&[3], 9.0),
    ];
    assert!((end(&tasks, &cpu(2)) - 10.0).abs() < 1e-9);
}

#[test]
fn memory_is_shared_and_a_task_beyond_it_runs_alone() {
    let mut tasks = vec![task(&[], 1.0); 4];
    for (task, bytes) in tasks.iter_mut().zip([6, 5, 4, 99]) {
        task.bytes = bytes;
    }
    let machine = Machine { bytes: 10, ..cpu(4) };
    let seen = simulate(&tasks, &machine, &[1.0; 4]);
    let together = |time: f64| -> Vec<u64> {
        let at = seen.began.iter().zip(&tasks).filter(|((began, _), _)| *began == time);
        at.map(|(_, task)| task.bytes).collect()
    };
    for time in [0.0, 1.0, 2.0] {
        let bytes = together(time);
        assert!(
            bytes.len() == 1 || bytes.iter().sum::<u64>() <= 10,
            "{bytes:?} at {time}"
        );
    }
    assert!((seen.end - 3.0).abs() < 1e-9, "6 with 4, then 5, and 99 alone");
}

#[test]
fn threads_are_divided_among_what_can_begin() {
    let machine = Machine { threads: 8, ..cpu(4) };
    let mut schedule = Schedule::new(vec![task(&[], 3.0), task(&[], 2.0), task(&[0, 1], 1.0)], machine);
    let mut shares = Vec::new();
    while let Some(start) = schedule.start() {
        shares.push(start.share);
    }
    assert_eq!(shares, [Share::Threads(4), Share::Threads(4)]);
    schedule.finish(0);
    schedule.finish(1);
    let last = schedule.start().map(|start| start.share);
    assert_eq!(last, Some(Share::Threads(8)), "what runs alone has all");
}

#[test]
fn gpus_are_filled_evenly_then_shared_by_memory_while_the_cpu_prepares() {
    let training = |after: &[usize], bytes| Task {
        place: Place::Gpu,
        bytes,
        ..task(after, 10.0)
    };
    // Two preparations, each for two trainings; the second one overlaps the trainings of the first.
    let tasks = [
        task(&[], 3.0),
        task(&[], 3.0),
        training(&[0], 30),
        training(&[0], 30),
        training(&[1], 40),
        training(&[1], 50),
    ];
    let machine = Machine {
        gpus: vec![80, 80],
        ..cpu(1)
    };
    let seconds: Vec<f64> = tasks.iter().map(|task| task.seconds).collect();
    let seen = simulate(&tasks, &machine, &seconds);
    assert_eq!(seen.began[2], (3.0, Share::Gpu(0)));
    assert_eq!(seen.began[3], (3.0, Share::Gpu(1)), "the empty one first");
    assert_eq!(seen.began[1].0, 3.0, "the CPU prepares meanwhile");
    assert_eq!(
        (seen.began[4].0, seen.began[5].0),
        (6.0, 6.0),
        "30 and 40, 30 and 50 fit in 80"
    );
    assert_ne!(seen.began[4].1, seen.began[5].1);
}

#[test]
fn a_task_that_another_process_has_gives_its_place_away() {
    let mut schedule = Schedule::new(vec![task(&[], 9.0), task(&[], 1.0), task(&[0, 1], 1.0)], cpu(1));
    let first = schedule.start().expect("one is ready");
    assert_eq!(first.task, 0);
    schedule.defer(0);
    assert_eq!(
        schedule.start().map(|start| start.task),
        Some(1),
        "the other runs instead"
    );
    schedule.finish(1);
    assert!(schedule.start().is_none() && schedule.has_deferred());
    schedule.recall();
    assert_eq!(schedule.start().map(|start| start.task), Some(0));
    schedule.finish(0);
    assert_eq!(schedule.start().map(|start| start.task), Some(2));
    schedule.finish(2);
    assert!(schedule.is_over());
}

#[test]
fn the_time_for_all_is_that_of_the_simulated_machine() {
    let tasks = [(4.0, vec![]), (2.0, vec![]), (6.0, vec![0, 1])].map(|(seconds, after)| Task {
        seconds,
        after,
        ..Task::default()
    });
    // Two side by side on a thread each, then one on both.
    assert_eq!(makespan(&tasks, &cpu(2)), 4.0 + 3.0);
    assert_eq!(makespan(&tasks, &cpu(1)), 12.0);
    assert_eq!(makespan(&[], &cpu(1)), 0.0);
}
