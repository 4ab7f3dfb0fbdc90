# Builds and packs the server. It needs a Postgres elsewhere: DATABASE_URL.
#   docker build -t tasker .
#   docker run -e DATABASE_URL=postgres://me@db/tasker -p 7077:7077 tasker

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --profile dist --locked --bin tasker && cp target/dist/tasker /tasker

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --no-create-home --shell /usr/sbin/nologin tasker
COPY --from=build /tasker /usr/local/bin/tasker
USER tasker
ENV TASKER__SERVER__LISTEN=0.0.0.0:7077 \
    TASKER__TELEMETRY__LOG_FORMAT=json
EXPOSE 7077
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s CMD ["tasker", "healthcheck"]
ENTRYPOINT ["tasker"]
CMD ["serve"]
