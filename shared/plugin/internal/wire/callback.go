package wire

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/wire/pb"
)

var (
	errNoBroker = errors.New("a plugin over net/rpc cannot call its host; name its file protocol-grpc-NAME")
	errNoHost   = errors.New("the host of this plugin takes no calls")
	errNoCall   = errors.New("the context is none that a method of the plugin was called with")
)

// callerResult is what CallerFrom returns.
type callerResult struct {
	caller contract.Caller
	err    error
}

// callerKey is the key of the callerResult in a context.
type callerKey struct{}

// callContext is a context with a callerResult: context.WithValue at half the price.
type callContext struct {
	context.Context
	caller callerResult
}

// Value implements context.Context.
func (c *callContext) Value(key any) any {
	if key == (callerKey{}) {
		return &c.caller
	}
	return c.Context.Value(key)
}

// CallerFrom returns the host of the plugin that was called with ctx.
func CallerFrom(ctx context.Context) (contract.Caller, error) {
	r, ok := ctx.Value(callerKey{}).(*callerResult)
	if !ok {
		return nil, errNoCall
	}
	return r.caller, r.err
}

// recovering makes a panic in the host's code the error of the call. Where it was is nothing for a plugin.
func recovering(ctx context.Context, r any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (a any, err error) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(os.Stderr, "panic in a plugin's call of its host: %v\n\n%s", p, debug.Stack())
			err = status.Error(codes.Internal, "the host panicked")
		}
	}()
	return next(incoming(ctx), r)
}

// host serves a plugin's calls to its host.
type host struct {
	pb.UnimplementedHostServer
	caller contract.Caller
}

func (h *host) Log(ctx context.Context, r *pb.LogRequest) (*pb.LogResponse, error) {
	return &pb.LogResponse{}, callbackStatus(h.caller.Log(ctx, r.GetLevel(), r.GetMessage()))
}

func (h *host) CacheGet(ctx context.Context, r *pb.CacheGetRequest) (*pb.CacheGetResponse, error) {
	value, err := h.caller.CacheGet(ctx, r.GetKey())
	return &pb.CacheGetResponse{Value: value}, callbackStatus(err)
}

func (h *host) CacheSet(ctx context.Context, r *pb.CacheSetRequest) (*pb.CacheSetResponse, error) {
	err := h.caller.CacheSet(ctx, r.GetKey(), r.GetValue(), time.Duration(r.GetTtl()))
	return &pb.CacheSetResponse{}, callbackStatus(err)
}

func (h *host) Config(ctx context.Context, r *pb.ConfigRequest) (*pb.ConfigResponse, error) {
	value, err := h.caller.Config(ctx, r.GetKey())
	return &pb.ConfigResponse{Value: value}, callbackStatus(err)
}

// callbackStatus is what an error of the host is in gRPC.
func callbackStatus(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, contract.ErrNotFound):
		return status.Error(codes.NotFound, printable(err.Error()))
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return status.FromContextError(err).Err()
	default:
		return status.Error(codes.Unknown, printable(err.Error()))
	}
}

// hostClient is the host as the plugin's author sees it.
type hostClient struct {
	conn *grpc.ClientConn
	host pb.HostClient
}

func (h *hostClient) Log(ctx context.Context, level, message string) error {
	_, err := h.host.Log(outgoing(ctx), &pb.LogRequest{Level: level, Message: message})
	return callbackError(ctx, err)
}

func (h *hostClient) CacheGet(ctx context.Context, key string) ([]byte, error) {
	response, err := h.host.CacheGet(outgoing(ctx), &pb.CacheGetRequest{Key: key})
	return response.GetValue(), callbackError(ctx, err)
}

func (h *hostClient) CacheSet(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	_, err := h.host.CacheSet(outgoing(ctx), &pb.CacheSetRequest{Key: key, Value: value, Ttl: int64(ttl)})
	return callbackError(ctx, err)
}

func (h *hostClient) Config(ctx context.Context, key string) (string, error) {
	response, err := h.host.Config(outgoing(ctx), &pb.ConfigRequest{Key: key})
	return response.GetValue(), callbackError(ctx, err)
}

// callbackError is the error of a call to the host as the author's code sees it.
func callbackError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s := status.Convert(err)
	if s.Code() == codes.NotFound {
		return fmt.Errorf("%w: %s", contract.ErrNotFound, s.Message())
	}
	return fmt.Errorf("the host: %s", s.Message())
}
