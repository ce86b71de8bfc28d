package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"

	"chordconductor/internal/netname"
	"chordconductor/node/env/faults"
	"chordconductor/node/env/grpcenv"
	"chordconductor/node/keeper"
	"chordconductor/node/member"
	"chordconductor/node/nodepb"
	"chordconductor/node/service"
	"chordconductor/otel"
)

// leaveLimit bounds the time in which the members leave after a signal.
const leaveLimit = 25 * time.Second

// serve runs a host until ctx ends, then makes it leave.
func serve(ctx context.Context, end *ending, o *options) error {
	if err := o.check(); err != nil {
		return usageError{err}
	}
	cfg := o.member()
	listen, err := o.environment()
	if err != nil {
		return usageError{err}
	}
	outage := &outage{}
	telemetry, err := otel.Setup(ctx, otel.Config{
		Version: programVersion(), Ring: o.ring,
		OnError: outage.begins,
	})
	if err != nil {
		return usageError{errors.New(oneLine(err))}
	}
	defer func() {
		flush, cancel := context.WithTimeout(context.Background(), 4*time.Second)
		defer cancel()
		if err := telemetry.Shutdown(flush); err != nil {
			printf("telemetry: %s", oneLine(err))
		}
	}()
	defer telemetry.OnRecovery(outage.ends)()

	listen.Tracer, listen.Meter, listen.Propagator = telemetry.Tracers, telemetry.Meters, telemetry.Propagator
	listen.NameSpan = service.NameSpan
	refusals, err := newRefusals(telemetry.Meters)
	if err != nil {
		return err
	}
	listen.Refused = refusals.add
	e, err := grpcenv.Listen(listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		err = netname.ListenError("host", o.listen, "node", "--listen", err)
	}
	if err != nil {
		return usageError{err}
	}
	defer e.Close()

	joining := newJoining(o)
	cfg.Ready = func(ready bool) { joining.ready(e, ready) }
	cfg.Notice = joining.notice
	cfg.JoinFailed = joining.failed
	cfg.Implausible = refusals.implausible
	layer := faults.New(e, e.Address())
	gate := otel.NewGate(telemetry)
	host, err := member.NewHost(cfg, e.Address(), layer, member.Telemetry{
		Tracer: telemetry.Tracers, Events: gate, Meter: telemetry.Meters, Lost: gate.Lost,
	})
	if err != nil {
		return usageError{err}
	}
	defer telemetry.OnRecovery(host.Recovered)()
	e.SetReady(false)
	e.Serve(layer.ServeRing(host), layer.ServeKeys(host), func(s grpc.ServiceRegistrar) {
		nodepb.RegisterKVServer(s, service.NewKV(host, programVersion()))
		nodepb.RegisterHostServer(s, service.NewControl(host, e, layer, gate, o.access.ControlToken))
	})
	if _, err := host.Start(o.virtualNodes); err != nil {
		return err
	}
	printf("listening on %s, advertised as %s, %d member(s) of ring %q, %s", o.bound(e.Listening()), e.Address(), o.virtualNodes, o.ring, o.way(e.Address()))

	if pin, ok := listen.Access.Pin(); ok {
		printf("public key %v (clients give it to --server-pin)", pin)
	}

	end.host.Store(host)
	lifetime, _ := parseLifetime("--die-after", o.dieAfter) // checked above
	lifetime.begin(ctx, die)
	if err := joining.wait(ctx); err != nil {
		host.Abandon(context.Background()) // no peer has them in its pointers
		host.EmitEnd()
		return err
	}
	<-ctx.Done()
	joining.leaving.Store(true)
	printf("leaving: handing the keys off takes %v at most; another signal ends it at once", leaveLimit)
	return leave(host)
}

// leave makes the members leave. If they cannot, the program ends all the same, as it was ordered. While the remaining
// hosts have no room for the keys, it retries until leaveLimit, and serves meanwhile.
func leave(host *member.Host) error {
	ctx, cancel := context.WithTimeout(context.Background(), leaveLimit)
	defer cancel()
	keys, err := host.End(ctx)
	for warned := false; errors.Is(err, keeper.ErrNoRoom); keys, err = host.End(ctx) {
		if !warned {
			warned = true
			printf("not leaving yet: %s", oneLine(err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
			continue
		}
		break
	}
	switch {
	case err != nil:
		err = fmt.Errorf("not all members left gracefully: %w%s", err, cost(host))
		host.Crash()
		return err
	case keys > 0:
		printf("the ring ends, since no other host stays, and %d key(s) end with it", keys)
		host.EmitEnd()
		return nil
	}
	host.EmitEnd()
	printf("left")
	return nil
}

// oneLine returns an error of several parts as one line.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
