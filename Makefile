# What a person does with this repository; the scripts say how.
.DEFAULT_GOAL := help
.PHONY: help setup demo test bench lint supply-chain takedowns generate check-clean

help: ## print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## install what the tests need and this machine lacks
	@scripts/setup.sh

demo: ## a server with sample data, in SQLite, with somebody at work, and GraphiQL in the browser
	@scripts/graphiql.sh --optional
	@scripts/demo.sh

test: ## everything that CI runs: lint, tests on both databases, browser, derived files
	@scripts/test.sh

bench: ## measure: requests/s and CPU per request over 100,000 tasks, on both databases; start and memory
	cargo bench --bench graphql

lint: ## formatting, clippy, rustdoc; every warning is an error
	@scripts/lint.sh

takedowns: ## take each wall down in a copy of the tree, and see the named test fail; a minute each
	@scripts/takedowns.py

supply-chain: ## licences, sources and known flaws of the dependencies; says what it could not check
	@scripts/supply-chain.sh

generate: ## write the files derived from the code: schema.graphql, docs/permissions.md
	@scripts/generate.sh

check-clean: ## fail when a derived file is stale
	@scripts/check-clean.sh
