// Package grpclogs directs grpc-go's own log lines into a program's output. By default they go to
// standard error, and they may quote what a peer has sent. Node and conductor direct them through
// their filter of secrets.
package grpclogs

import (
	"io"
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc/grpclog"
)

// out receives each line in one call of Write.
var out output

type output struct{ to atomic.Pointer[io.Writer] }

func (o *output) Write(p []byte) (int, error) {
	if to := o.to.Load(); to != nil {
		return (*to).Write(p)
	}
	return os.Stderr.Write(p)
}

// To directs the lines to w. It may be called from any goroutine.
func To(w io.Writer) { out.to.Store(&w) }

// The logger is replaced in init, since gRPC permits this only before its first use.
func init() { grpclog.SetLoggerV2(logger(&out, os.Getenv)) }

// logger returns grpc-go's own logger, configured by its own environment variables, but with w as
// its output. Its JSON form is not supported.
func logger(w io.Writer, env func(string) string) grpclog.LoggerV2 {
	writers := [3]io.Writer{io.Discard, io.Discard, io.Discard} // of info, warnings and errors; a lower level includes the higher ones
	switch strings.ToLower(env("GRPC_GO_LOG_SEVERITY_LEVEL")) {
	case "", "error":
		writers[2] = w
	case "warning":
		writers[1] = w
	case "info":
		writers[0] = w
	}
	verbosity, _ := strconv.Atoi(env("GRPC_GO_LOG_VERBOSITY_LEVEL")) // 0 if the variable has no number, as in grpc-go
	return grpclog.NewLoggerV2WithVerbosity(writers[0], writers[1], writers[2], verbosity)
}
