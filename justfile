# Recipes of one line each; `.ci/run` does what `check` and `test` do, on a bare machine.

# Form, lints and documents.
check:
    cargo fmt --check && cargo clippy --all-targets --locked -- -D warnings && RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked --document-private-items

# All tests.
test:
    cargo test --locked

# The screens that changed, one after the other, to accept or reject (cargo install cargo-insta).
screens:
    cargo insta test --review --test it

# The pictures in assets/, made by the program itself out of recordings.
screenshots:
    just picture processes 120x26 '<tick><tick>jj' busy.txt
    just picture filter 120x18 '<tick>Ht<tick>fcpu > 1 or state in (D, Z)<enter>jj' busy.txt
    just picture explain 120x28 '<tick>jjje<end>kk' busy.txt
    just picture signal 120x26 '<tick>jjj     x' busy.txt
    just picture memory 120x30 '<tick><tick>vjj' map.txt --pane memory 1500
    just picture map 120x26 'b<tick><tick><down><up>' map.txt --pane memory 1500

[private]
picture name size keys recording *arguments:
    TZ=UTC cargo run --locked --example screenshot -- assets/screenshot-{{name}}.svg {{size}} '{{keys}}' --from tests/fixtures/{{recording}} {{arguments}}

# Write the lists in the README anew from the tables.
docs:
    UPDATE=1 cargo test --locked --test it tidy::readme

# Benchmarks of the collector and the parsers.
bench:
    cargo bench --locked --bench speed

# A program that needs no shared library, for any Linux of this architecture.
static:
    RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --target "$(rustc -vV | sed -n 's/^host: //p')"

# The screen, with a zombie, a stopped process and a busy one to look at.
demo:
    bash -c 'trap "kill -KILL \$(jobs -p)" EXIT; bash -c "(exit 3) & exec sleep 1000" & sh -c "kill -STOP \$\$" & sh -c "while :; do :; done" & cargo run --release --locked'
