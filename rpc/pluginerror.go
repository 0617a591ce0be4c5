package rpc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/podinfo-targets/podinfo/rpc/pb/pluginpb"
	"github.com/podinfo-targets/podinfo/shared/plugin/admin"
	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// busyRetry is when a call that found the plugin busy is worth another try.
const busyRetry = time.Second

// errNoValue says that a request has no value to encode or decode.
var errNoValue = fmt.Errorf("%w: the request holds none; set value.raw or value.json", contract.ErrInvalid)

// pluginFailures maps the kinds of errors of plugins to what a client gets: the code, a reason that programs can tell
// apart, and when another try is worth it, or 0. The file plugin.proto documents them.
var pluginFailures = []struct {
	kind   error
	code   codes.Code
	reason string
	retry  time.Duration
}{
	{admin.ErrForbidden, codes.PermissionDenied, "ADMIN_TOKEN", 0},
	{contract.ErrNotFound, codes.NotFound, "NOT_FOUND", 0},
	{contract.ErrAmbiguous, codes.InvalidArgument, "AMBIGUOUS_NAME", 0},
	{contract.ErrInvalid, codes.InvalidArgument, "INVALID_VALUE", 0},
	{contract.ErrRefused, codes.InvalidArgument, "REFUSED", 0},
	{contract.ErrTooLarge, codes.ResourceExhausted, "TOO_LARGE", 0},
	{contract.ErrBusy, codes.ResourceExhausted, "BUSY", busyRetry},
	{contract.ErrReloading, codes.Aborted, "RELOADING", 0},
	{contract.ErrReadOnly, codes.FailedPrecondition, "READ_ONLY", 0},
	{contract.ErrBroken, codes.FailedPrecondition, "BROKEN", 0},
	{contract.ErrTimeout, codes.DeadlineExceeded, "TIMEOUT", 0},
	{contract.ErrDied, codes.Internal, "DIED", 0},
	{contract.ErrAnswer, codes.Internal, "UNUSABLE_ANSWER", 0},
}

// fail returns the status that err means to the client. Of an error that has no kind only the log gets the text.
func (s *pluginService) fail(ctx context.Context, err error) error {
	if unavailable, ok := errors.AsType[*contract.UnavailableError](err); ok {
		return detailed(codes.Unavailable, "UNAVAILABLE", err, unavailable.RetryAfter)
	}
	for _, f := range pluginFailures {
		if !errors.Is(err, f.kind) {
			continue
		}
		return detailed(f.code, f.reason, err, f.retry)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return status.FromContextError(err).Err()
	}
	method, _ := grpc.Method(ctx)
	s.log.WithContext(ctx).WithError(err).WithField("method", method).Error("call of a plugin failed")
	return status.Error(codes.Internal, "the call of the plugin failed; the server's log tells why")
}

// detailed returns a status with the reason in its details, and with the time of another try when retry is above zero.
// https://google.aip.dev/193 says what the details are for.
func detailed(code codes.Code, reason string, err error, retry time.Duration) error {
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: reason, Domain: "podinfo"}}
	if retry > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(retry)})
	}
	plain := status.New(code, text(err.Error()))
	with, err := plain.WithDetails(details...)
	if err != nil {
		return plain.Err()
	}
	return with.Err()
}

// withoutPlugins answers for the plugin service of a server that has no plugins: what protoc made for methods that are
// not there would not say why.
func withoutPlugins(ctx context.Context, request any, call *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if !strings.HasPrefix(call.FullMethod, "/"+pluginpb.PluginService_ServiceDesc.ServiceName+"/") {
		return next(ctx, request)
	}
	return nil, status.Error(codes.Unimplemented, "this server runs no plugins; start it with --plugins-path")
}
