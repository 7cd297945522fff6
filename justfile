# Recipes; `just --list` shows them. The first two are README's commands.

# builds, trains the shipped example and opens its report
quickstart:
    cargo run --release --locked -- run pipelines/quickstart.mtl --open

# all tests
test:
    cargo test --release --locked

# builds the manual into target/book and opens it (once before: cargo install mdbook --locked)
book:
    mdbook build docs --open

# what CI runs
ci:
    bash .ci/run

# end-to-end acceptance: ResNet-18 on PneumoniaMNIST, so many seeds (about 16 seconds each on two cores)
pneumonia seeds="[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]":
    cargo run --release --locked -- run pipelines/pneumonia.mtl --set "seeds={{seeds}}"

# train-step speed beside PyTorch (needs a Python with torch and torchvision, and an idle machine)
bench python="python3":
    cargo build --release --locked --bench train_step
    {{python}} benches/against_torch.py

# compares the networks with torchvision's, evaluation and three training steps, with references made anew (needs a Python
# with torch, torchvision and safetensors; about half an hour, 3 GB of memory and 1 GB of disk)
parity python="python3" folder="target/parity":
    cargo build --release --locked
    {{python}} tests/parity/references.py {{folder}} --mtl target/release/mtl
    MTL_PARITY={{folder}} cargo test --release --locked --test parity -- --ignored --nocapture

# kills a training at five moments and compares the final weights, for one and two threads; then kills two runs and a
# collection at once at so many moments, verifies the store each time, and compares all results
crash kills="200":
    cargo test --release --locked --test resume
    MTL_KILLS={{kills}} cargo test --release --locked --test crash

# CPU for each stage that the store commits, without the stage's own work
bench-store:
    cargo bench --locked --bench store -- stages

# looks at a data set of so many small files, which are made in a temporary folder unless one is named
bench-index files="1000000" folder="":
    cargo bench --locked --bench store -- files {{files}} {{folder}}

# a run with nothing to do, and one edited leaf, beside ninja, make -r and Snakemake, as far as they are installed
bench-overhead *options:
    cargo build --release --locked
    python3 benches/overhead.py {{options}}

# speed of parser and checker, and how their time grows with programs of every kind
bench-language:
    cargo bench --locked --bench language

# fuzzes parser, checker, formatter and the reader of weight files, so many seconds each (needs a C++ compiler; builds all dependencies once more)
fuzz seconds="600":
    fuzz/run.sh {{seconds}}

# the language server in Neovim (0.7 or newer), without a window
nvim:
    cargo build --release --locked
    editors/nvim/test.sh target/release/mtl

# the extension of Visual Studio Code in code-server and Chromium (once before: editors/vscode/test-tools.sh)
vscode:
    cargo build --release --locked
    node editors/vscode/test.mjs target/release/mtl

# from a saved change to a decision of `mtl watch`, at 1,000 stages
bench-watch *options:
    cargo build --release --locked
    python3 benches/watch.py {{options}}

# tries the page of `mtl watch` in Chromium, and takes the manual's pictures of it and of the terminal
watch-browser:
    cargo build --release --locked
    npm install --no-save --no-audit --no-fund --prefix target/browser playwright-core@1.65.1
    node tests/browser/watch.mjs target/release/mtl docs

# makes the tree-sitter parser anew from its grammar (needs node, and `cargo install tree-sitter-cli`)
tree-sitter:
    cd editors/tree-sitter-mtl && tree-sitter generate
