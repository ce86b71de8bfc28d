package keeper

import (
	"context"

	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// Members of version 1 of the protocol, which carries no version, work beside those of this one while the hosts of a
// ring are replaced. Most of what they do not know may be absent; what may not is here:
//
//   - Discard of a leaver has no digest. The leaver names the owner's ownership, and compares before it asks; the answer
//     is yes or no. So this version always sends the ownership as well (heldOwnership), reads such an answer
//     (discardAnswered), and answers such a question like any other, but for a leaver.
//   - A source does not wait for its turn: it releases once the receiver is prepared. Where it would have to wait it is
//     refused (mustWait), and begins anew.
//   - An owner does not understand that a leaver refuses copies (ReplicateResponse.leaving): it would come again and
//     again. So a leaver takes its copies, and then asks whether it may drop them, of which the owner learns.
//   - It holds no reservation, and does not say what room it has. Room is asked for at every write then, and granted.
//     Lack of memory shows only when its reserve is used up.

// version1 reports whether the sender of a call or an answer speaks version 1.
func version1(header interface{ GetVersion() uint32 }) bool { return header.GetVersion() < 2 }

// heldOwnership is the ownership of the owner of copies, as a member of version 1 wants it named; nil if it is not known.
func (k *Keeper) heldOwnership(c *copied) *nodepb.Ownership {
	k.mu.Lock()
	defer k.mu.Unlock()
	if known, ok := k.owners.covering(c.to); ok && known.owner == c.owner {
		return ownershipToWire(known.ownership)
	}
	return nil
}

// discardAnswered completes the answer of an owner to a leaver's Discard as this version gives it.
func (k *Keeper) discardAnswered(ctx context.Context, owner chord.Peer, q *nodepb.DiscardRequest, a *nodepb.DiscardResponse) (*nodepb.DiscardResponse, error) {
	if !version1(a.Reply) {
		return a, nil
	}
	a = &nodepb.DiscardResponse{Reply: a.Reply, Granted: a.Granted && q.Compared, Differs: !q.Compared, Ownership: q.Ownership}
	if !a.Granted { // perhaps since it owns another range by now
		point, err := idFromWire(k.space, q.Held.GetTo())
		if err != nil {
			return nil, err
		}
		s, err := k.survey(ctx, owner, point, chordevent.SpanLeave)
		if err != nil {
			return nil, err
		}
		if a.Ownership = nil; s.own != nil {
			a.Ownership = ownershipToWire(*s.own)
		}
		for _, o := range s.claims {
			a.Claims = append(a.Claims, ownershipToWire(o))
		}
	}
	return a, nil
}

// mustWait reports whether a source cannot wait for its turn, and has to.
func mustWait(m *incoming, turn bool) bool { return m.firm && !m.due && !turn }
