package keeper

import (
	"context"

	"chordconductor/node/nodepb"
)

func (k *Keeper) Apply(context.Context, *nodepb.ApplyRequest) (*nodepb.ApplyResponse, error) {
	return nil, nil
}
func (k *Keeper) Survey(context.Context, *nodepb.SurveyRequest) (*nodepb.SurveyResponse, error) {
	return nil, nil
}
func (k *Keeper) Claim(context.Context, *nodepb.ClaimRequest) (*nodepb.ClaimResponse, error) {
	return nil, nil
}
func (k *Keeper) Move(context.Context, *nodepb.MoveRequest) (*nodepb.MoveResponse, error) {
	return nil, nil
}
func (k *Keeper) Replicate(context.Context, *nodepb.ReplicateRequest) (*nodepb.ReplicateResponse, error) {
	return nil, nil
}
func (k *Keeper) Fetch(context.Context, *nodepb.FetchRequest) (*nodepb.FetchResponse, error) {
	return nil, nil
}
func (k *Keeper) Compare(context.Context, *nodepb.CompareRequest) (*nodepb.CompareResponse, error) {
	return nil, nil
}
func (k *Keeper) Discard(context.Context, *nodepb.DiscardRequest) (*nodepb.DiscardResponse, error) {
	return nil, nil
}

var _ nodepb.KeysServer = (*Keeper)(nil)
