package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/handlers"
)

func TestGRPCIsRefusedWithTheReasonWhereItIsWithheld(t *testing.T) {
	t.Parallel()
	const reason = "gRPC is not possible on this platform"
	withheld := serve(t, func(d *handlers.Deps) {
		d.Withheld = map[handlers.Capability]string{handlers.GRPC: reason}
	})
	elsewhere := serve(t)
	for contentType, isGRPC := range map[string]bool{
		"application/grpc": true, "application/grpc+proto": true, "application/json": false, "": false,
	} {
		const method = "/version.VersionService/Version"
		if got := call(t, withheld+method, contentType); isGRPC != (got.status == http.StatusNotImplemented) ||
			isGRPC != strings.Contains(got.body, reason) {
			t.Errorf("%q is answered %d %s", contentType, got.status, got.body)
		}
		if got := call(t, elsewhere+method, contentType); got.status != http.StatusNotFound {
			t.Errorf("%q is answered %d where nothing withholds gRPC, want 404", contentType, got.status)
		}
	}
	metrics := ask(t, http.MethodGet, withheld+"/metrics").body
	const counted = `http_request_duration_seconds_count{method="POST",path="unmatched",status="501"} 2`
	if !strings.Contains(metrics, counted) {
		t.Errorf("the refused calls are not counted: %q is missing", counted)
	}
}

// call posts an empty body with a content type.
func call(t *testing.T, url, contentType string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	return do(t, request)
}
