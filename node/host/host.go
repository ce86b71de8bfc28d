package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"

	"chordconductor/internal/assertion"
	"chordconductor/internal/netname"
	"chordconductor/node/client"
	"chordconductor/node/env/access"
	"chordconductor/node/env/faults"
	"chordconductor/node/env/grpcenv"
	"chordconductor/node/member"
	"chordconductor/node/nodepb"
	"chordconductor/node/service"
	"chordconductor/otel"
)

// Host is a running host. Until Joined has returned nil, operations on keys fail with client.ErrUnavailable.
type Host struct {
	client.Keys
	cfg     Config // with all defaults filled in
	env     *grpcenv.Env
	members *member.Host
	kv      *service.KV
	joining *joining
	undo    []func() // what Close calls, in reverse order
	ending  ending
}

// Open opens the port and starts the members. It does not wait until they have joined: Joined does.
// An error concerns the configuration or the port; it has one line and contains no secret, and
// nothing is left open.
func Open(cfg Config) (*Host, error) {
	cfg, err := cfg.validated()
	if err != nil {
		return nil, err
	}
	h := &Host{cfg: cfg}
	if err := h.open(); err != nil {
		h.release()
		return nil, err
	}
	return h, nil
}

func (h *Host) open() error {
	cfg := &h.cfg
	cfg.Access.ReloadFailed = func(err error) {
		h.printf("cannot load the changed certificates, so the previous ones stay in use: %s", oneLine(err))
	}
	way, err := access.NewHost(cfg.Access, cmp.Or(cfg.Advertise, cfg.Listen))
	if err != nil {
		return err
	}
	// Before telemetry: a host that cannot start has nothing to export, and failed exports would hide the reason.
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return netname.ListenError("host", cfg.Listen, "node", cfg.name("Listen"), err)
	}
	h.undo = append(h.undo, func() { _ = listener.Close() }) // closes the listener if the environment does not take it over
	telemetry, err := h.telemetry()
	if err != nil {
		return err
	}
	refusals, err := newRefusals(telemetry.Meters, h.printf)
	if err != nil {
		return err
	}
	h.env, err = grpcenv.Listen(grpcenv.Options{
		Listen: cfg.Listen, Listener: listener, Advertise: cfg.Advertise, Access: way, Refused: refusals.add,
		Tracer: telemetry.Tracers, Meter: telemetry.Meters, Propagator: telemetry.Propagator, NameSpan: service.NameSpan,
	})
	if err != nil {
		return err
	}
	h.undo = append(h.undo, h.env.Close)

	h.joining = newJoining(cfg, h.printf)
	members := cfg.member()
	members.Ready = func(ready bool) { h.joining.ready(h.env, ready) }
	members.Notice = h.joining.notice
	members.JoinFailed = h.joining.tryFailed
	members.Implausible = refusals.implausible
	broken := &assertion.Counts{Print: func(line string) { h.printf("%s", line) }}
	if err := member.EmitAssertions(telemetry.Meters, broken); err != nil {
		return err
	}
	layer := faults.New(h.env, h.env.Address())
	gate := otel.NewGate(telemetry)
	h.members, err = member.NewHost(members, h.env.Address(), layer, member.Telemetry{
		Tracer: telemetry.Tracers, Events: gate, Meter: telemetry.Meters, Lost: gate.Lost, Assertions: broken,
	})
	if err != nil {
		return err
	}
	h.undo = append(h.undo, telemetry.OnRecovery(h.members.Recovered))
	h.kv = service.NewKV(h.members, cfg.Version)
	h.Keys = client.InProcess(h.kv)
	h.env.SetReady(false)
	h.env.Serve(h.members, h.members, layer.Serve, func(s grpc.ServiceRegistrar) {
		nodepb.RegisterKVServer(s, h.kv)
		nodepb.RegisterHostServer(s, service.NewControl(h.members, h.env, layer, gate, cfg.Access.ControlToken))
	})
	h.printf("listening on %s, advertised as %s, %d member(s) of ring %q, %s", cfg.bound(h.env.Listening()), h.Address(), cfg.VirtualNodes, cfg.Ring, cfg.way(h.Address()))
	if pin, ok := way.Pin(); ok {
		h.printf("public key %v (clients give it to --server-pin)", pin)
	}
	_, err = h.members.Start(cfg.VirtualNodes) // after these lines, since the next line may be that the host is on the ring
	return err
}

// telemetryLimit bounds the time of the last export.
const telemetryLimit = 4 * time.Second

// telemetry returns the application's telemetry, or the host's own.
func (h *Host) telemetry() (*otel.Telemetry, error) {
	if h.cfg.Telemetry != nil {
		return h.cfg.Telemetry, nil
	}
	if warning := otel.UnknownVariables(); warning != "" {
		h.printf("%s", warning)
	}
	outage := &outage{printf: h.printf}
	t, err := otel.Setup(context.Background(), otel.Config{Version: h.cfg.Version, Ring: h.cfg.Ring, OnError: outage.begins})
	if err != nil {
		return nil, errors.New(oneLine(err))
	}
	h.undo = append(h.undo, func() {
		flush, cancel := context.WithTimeout(context.Background(), telemetryLimit)
		defer cancel()
		if err := t.Shutdown(flush); err != nil {
			h.printf("telemetry: %s", oneLine(err))
		}
	}, t.OnRecovery(outage.ends))
	return t, nil
}

// release closes what Open has opened.
func (h *Host) release() {
	for i := len(h.undo) - 1; i >= 0; i-- {
		h.undo[i]()
	}
	h.undo = nil
}

func (h *Host) printf(format string, args ...any) { h.cfg.Log(fmt.Sprintf(format, args...)) }

// Address returns the address at which other hosts and clients reach this one.
func (h *Host) Address() string { return h.env.Address() }

// Status returns the state of the host and its members, as the key service's Status answers it.
func (h *Host) Status() *nodepb.StatusResponse {
	a, _ := h.kv.Status(context.Background(), nil) // never fails
	return a
}
