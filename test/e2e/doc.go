// Package e2e tests the built programs from outside, as a user meets them: real processes, a real browser, a real
// Jaeger and Prometheus, and `docker compose up` with the unmodified file.
//
// It needs bin/conductor and bin/node (make build) and, on PATH: jaeger, prometheus, chromium, node and npm, docker with
// Compose; and a checkout with its history, for a host of the previous protocol version. A missing part fails the tests; none is skipped. All traffic stays on this machine.
package e2e
