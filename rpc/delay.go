package rpc

import (
	"context"
	"math"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/podinfo-targets/podinfo/rpc/pb/delaypb"
)

// maxDelay is the longest wait that a time.Duration can hold, in seconds.
const maxDelay = int64(math.MaxInt64 / time.Second)

type delayService struct {
	delaypb.UnimplementedDelayServiceServer
}

// Delay answers after the seconds of the request, or fails as soon as the caller cancels or its deadline passes.
func (*delayService) Delay(ctx context.Context, r *delaypb.DelayRequest) (*delaypb.DelayResponse, error) {
	seconds := r.GetSeconds()
	if seconds > maxDelay {
		return nil, status.Errorf(codes.InvalidArgument, "seconds is %d: use at most %d", seconds, maxDelay)
	}
	timer := time.NewTimer(time.Duration(max(seconds, 0)) * time.Second)
	defer timer.Stop()
	select {
	case <-timer.C:
		return &delaypb.DelayResponse{Message: seconds}, nil
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}
