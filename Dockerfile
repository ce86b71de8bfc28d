# Both programs, each alone in an empty image: `docker build --target conductor .`, `docker build --target node .`
# The caches stay between builds: the second one compiles only what has changed.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY client/embed.go client/embed.go
COPY client/dist client/dist
COPY otel otel
COPY node node
COPY conductor conductor
COPY internal internal
ARG VERSION=
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X chordconductor/internal/version.release=$VERSION" -o /out/ ./conductor ./node && mkdir /data

FROM scratch AS conductor
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/conductor /conductor
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
EXPOSE 4317 4318 4321
ENTRYPOINT ["/conductor"]

FROM scratch AS node
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/node /node
USER 65532:65532
EXPOSE 7001
ENTRYPOINT ["/node"]
