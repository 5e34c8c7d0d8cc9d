//! `pixwave sim`: runs that hold, a story that repeats itself, and what it refuses.

use crate::child::{pixwave, run, stderr, stdout};
use crate::harness::Folder;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_are_counted_and_their_story_repeats() {
    let folder = Folder::new();
    let simulate = |arguments: &'static [&'static str]| {
        let mut command = pixwave(&folder.0, &[]);
        command.arg("sim").args(arguments);
        run(command)
    };
    let many = simulate(&["--seed", "3", "--runs", "4"]).await;
    assert!(many.status.success(), "{}", stderr(&many));
    assert!(stdout(&many).starts_with("4 runs, "), "{}", stdout(&many));
    assert!(
        stdout(&many).contains("0 promises broken"),
        "{}",
        stdout(&many)
    );
    let told = [&["--trace", "--seed", "3"]; 2].map(|arguments| simulate(arguments));
    let [first, second] = told;
    let (first, second) = (first.await, second.await);
    assert!(first.status.success(), "{}", stderr(&first));
    assert!(first.stdout == second.stdout, "two stories of one seed");
    assert!(
        stdout(&first).contains("00:00.000 outside"),
        "{}",
        stdout(&first)
    );
    let part = simulate(&["--seed", "3", "--keep", "o1,o2", "--schedule", "9"]).await;
    assert!(part.status.success(), "{}", stderr(&part));
    assert!(stdout(&part).starts_with("o1 at "), "{}", stdout(&part));
    let wrong = simulate(&["--keep", "q1"]).await;
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("m3,o5,o9"), "{}", stderr(&wrong));
    // It leaves nothing behind.
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_does_not_run_where_a_real_gateway_is_configured() {
    let folder = Folder::new();
    for (name, value) in [
        ("MERCADOPAGO_BASE_URL", "https://api.mercadopago.com"),
        ("GERENCIANET_CLIENT_SECRET_FILE", "/run/secrets/efi"),
    ] {
        let mut command = pixwave(&folder.0, &[(name, value)]);
        command.args(["sim", "--runs", "1"]);
        let refused = run(command).await;
        assert_eq!(refused.status.code(), Some(1));
        assert!(stderr(&refused).contains(name), "{}", stderr(&refused));
        assert!(!stderr(&refused).contains(value), "{}", stderr(&refused));
        assert_eq!(stdout(&refused), "");
    }
}
