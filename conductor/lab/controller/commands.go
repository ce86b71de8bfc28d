package controller

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/deploy/faults"
	"chordconductor/internal/duration"
	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/node/wire"
)

// commandLimit bounds a command: a lookup may take 10 s, retries included.
const commandLimit = 15 * time.Second

// answerLimit is how long a command that has timed out or been cancelled may take to report what it has done.
const answerLimit = 2 * time.Second

// do runs a command in the ring's runtime and waits for its answer. A command that runs out of time is cancelled, and
// still answers with what it has done.
func do[T any](ctx context.Context, l *Controller, command func(context.Context, *faults.Deployment) (T, error)) (T, error) {
	var none T
	here := l.here()
	if here == nil {
		return none, deploy.Refuse(deploy.ErrConflict, "there is no ring to send commands to")
	}
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	defer context.AfterFunc(l.lifetime, cancel)()
	patient, enough := context.WithTimeout(context.WithoutCancel(ctx), commandLimit+answerLimit)
	defer enough()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(answerLimit, enough) })()
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1) // the task may end when no caller waits any more
	if err := here.Do(patient, func(task context.Context) {
		if task.Done() != nil { // in a simulated world nothing is cancelled: its members bound the time of all that they do
			task = ctx
		}
		value, err := command(task, here)
		done <- outcome{value, err}
	}); err != nil {
		return none, deploy.Refuse(deploy.ErrUnavailable, "the ring gave no answer within %s, or is being stopped; whether the command was carried out is not known", duration.Text(commandLimit))
	}
	o := <-done
	return o.value, o.err
}

// AddNodes starts members.
func (l *Controller) AddNodes(ctx context.Context, count int, host string) ([]chord.ID, error) {
	return do(ctx, l, func(ctx context.Context, here *faults.Deployment) ([]chord.ID, error) {
		return here.Fleet.Start(ctx, count, host)
	})
}

// StopNode makes a member leave, or crash.
func (l *Controller) StopNode(ctx context.Context, id chord.ID, way deploy.Departure) error {
	_, err := do(ctx, l, func(ctx context.Context, here *faults.Deployment) (struct{}, error) {
		return struct{}{}, here.Fleet.Stop(ctx, id, way)
	})
	return err
}

// PauseNode makes a member's host drop all traffic for a time.
func (l *Controller) PauseNode(ctx context.Context, id chord.ID, d time.Duration) error {
	_, err := do(ctx, l, func(ctx context.Context, here *faults.Deployment) (struct{}, error) {
		h, ok := deploy.HostOf(here.Fleet.Hosts(), id)
		if !ok {
			return struct{}{}, deploy.UnknownMember(id)
		}
		paused := &faults.Fault{From: map[string]bool{h.Address: true}, Paused: true}
		if err := here.Faults.Impose(ctx, paused); err != nil {
			return struct{}{}, err
		}
		err := here.Runtime.Go(context.WithoutCancel(ctx), func(ctx context.Context) {
			if here.Runtime.Sleep(d) == nil {
				_ = here.Faults.Remove(ctx, paused) // a host that is gone by then needs no order; to a host where this fails the order is sent again
			}
		})
		if err != nil { // otherwise no task would end the pause
			_ = here.Faults.Remove(context.WithoutCancel(ctx), paused)
		}
		return struct{}{}, err
	})
	return err
}

// Partition separates groups of members from each other; all others form one more group.
func (l *Controller) Partition(ctx context.Context, groups [][]chord.ID) ([]chord.ID, error) {
	return do(ctx, l, func(ctx context.Context, here *faults.Deployment) ([]chord.ID, error) {
		hosts := here.Fleet.Hosts()
		sides := make([]map[string]bool, len(groups))
		of := make(map[string]int)
		var ids []chord.ID
		for i, group := range groups {
			sides[i] = make(map[string]bool)
			for _, id := range group {
				h, ok := deploy.HostOf(hosts, id)
				if !ok {
					return nil, deploy.UnknownMember(id)
				}
				if other, placed := of[h.Address]; placed && other != i {
					return nil, deploy.Refuse(deploy.ErrInvalid, "groups %d and %d both have members on host %s, which cannot be on two sides of a partition", other, i, h.Address)
				}
				of[h.Address] = i
				sides[i][h.Address] = true
				ids = append(ids, id)
			}
		}
		if whole := slices.ContainsFunc(sides, func(side map[string]bool) bool { return len(side) == len(hosts) }); whole || len(of) == 0 {
			return nil, deploy.Refuse(deploy.ErrInvalid, "groups: no partition: all hosts are on one side")
		}
		var partitions []*faults.Fault
		for _, side := range sides {
			if len(side) == 0 {
				continue
			}
			d := &faults.Fault{From: side, Both: true, Partition: true}
			for _, h := range hosts {
				if side[h.Address] {
					d.Partitioned += len(h.Members)
				}
			}
			partitions = append(partitions, d)
		}
		if err := here.Faults.Impose(ctx, partitions...); err != nil {
			return nil, err
		}
		return ids, nil
	})
}

// Heal ends all partitions, slow links, pauses and telemetry outages. It returns the members of the hosts that the
// ended faults named. After an error some faults may still be in force, at hosts to which the order is sent again.
func (l *Controller) Heal(ctx context.Context) ([]chord.ID, error) {
	return do(ctx, l, func(ctx context.Context, here *faults.Deployment) ([]chord.ID, error) { return here.Faults.Heal(ctx) })
}

// Faults lists the partitions, slow links, pauses and telemetry outages that are in force, or may be.
func (l *Controller) Faults() []faults.Listed {
	if here := l.here(); here != nil {
		return here.Faults.List()
	}
	return nil
}

// Put, Get and Delete perform a client's operation on any host that can serve it.
func (l *Controller) Put(ctx context.Context, key, value []byte, ttl time.Duration) (wire.Written, error) {
	return client(ctx, l, func(ctx context.Context, c deploy.Client) (wire.Written, error) {
		answer, err := c.Put(ctx, &nodepb.PutRequest{Key: key, Value: value, TtlMillis: ttl.Milliseconds()})
		return wire.ReadPut(answer), err
	})
}

func (l *Controller) Get(ctx context.Context, key []byte) (wire.Got, error) {
	return client(ctx, l, func(ctx context.Context, c deploy.Client) (wire.Got, error) {
		answer, err := c.Get(ctx, &nodepb.GetRequest{Key: key})
		return wire.ReadGet(answer), err
	})
}

func (l *Controller) Delete(ctx context.Context, key []byte) (wire.Written, error) {
	return client(ctx, l, func(ctx context.Context, c deploy.Client) (wire.Written, error) {
		answer, err := c.Delete(ctx, &nodepb.DeleteRequest{Key: key})
		return wire.ReadDelete(answer), err
	})
}

// client runs an operation on any host that can serve it.
func client[T any](ctx context.Context, l *Controller, op func(context.Context, deploy.Client) (T, error)) (T, error) {
	return do(ctx, l, func(ctx context.Context, here *faults.Deployment) (T, error) { return onAny(ctx, here.Fleet, op) })
}

// hostTries is on how many hosts an operation is tried. Hosts that cannot be reached or trusted are skipped.
const hostTries = 4

// onAny runs an operation on a host, and, as long as nothing of the operation was sent, on the next one. If no host has
// proven yet that it holds the token, the first host that the operation is tried on is challenged.
func onAny[T any](ctx context.Context, f deploy.Fleet, op func(context.Context, deploy.Client) (T, error)) (T, error) {
	var none T
	n := rand.Uint64() / 2 // no overflow below
	for try := uint64(1); ; try++ {
		c, ok := deploy.PickClient(f, n+try, deploy.Host.Serves)
		if !ok {
			c, ok = deploy.PickClient(f, n+try, deploy.Host.Joined)
		}
		if !ok {
			return none, deploy.Refuse(deploy.ErrUnavailable, "no member is on the ring now")
		}
		value, err := op(ctx, c)
		if try == hostTries || ctx.Err() != nil || !deploy.IsUnsent(err) {
			return value, err
		}
	}
}

// Lookup finds a key's owner, starting at the given member, or at any if from is nil.
func (l *Controller) Lookup(ctx context.Context, key []byte, from *chord.ID, mode string) (*wire.Lookup, error) {
	return do(ctx, l, func(ctx context.Context, here *faults.Deployment) (*wire.Lookup, error) {
		f := here.Fleet
		request := &nodepb.LookupRequest{Key: key, Mode: mode}
		lookup := func(ctx context.Context, c deploy.Client) (*wire.Lookup, error) {
			answer, err := c.Lookup(ctx, request)
			if err != nil {
				return nil, err
			}
			found, err := wire.ReadLookup(answer.GetLookup())
			if err != nil {
				return nil, deploy.Refuse(deploy.ErrUnavailable, "the host's answer cannot be read: %v", err)
			}
			return found, nil
		}
		if from == nil {
			return onAny(ctx, f, lookup)
		}
		h, known := deploy.HostOf(f.Hosts(), *from)
		if !known {
			return nil, deploy.UnknownMember(*from)
		}
		c := f.Client(h.Address)
		if c == nil {
			return nil, deploy.Refuse(deploy.ErrUnavailable, "no member is on the ring now")
		}
		request.From = from[:]
		return lookup(ctx, c)
	})
}
