package adapter_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/podinfo-targets/podinfo/shared/config"
	"github.com/podinfo-targets/podinfo/targets/internal/app"
	"github.com/podinfo-targets/podinfo/targets/lambda/adapter"
)

// versionBody is what GET /version answers.
const versionBody = "{\n  \"commit\": \"0123456789abcdef0123456789abcdef01234567\",\n  \"version\": \"6.14.1\"\n}"

// versionEvent is GET /version of an HTTP API, as large as real ones are.
const versionEvent = `{"version":"2.0","routeKey":"$default","rawPath":"/version","rawQueryString":"","headers":{` +
	`"accept":"*/*","content-length":"0","host":"aaaaaaaaaa.execute-api.us-west-2.amazonaws.com",` +
	`"user-agent":"curl/8.9.1",` +
	`"x-amzn-trace-id":"Root=1-5e9f0c65-1de4d666d4dd26aced652b6c","x-forwarded-for":"1.2.3.4","x-forwarded-port":"443",` +
	`"x-forwarded-proto":"https"},"requestContext":{"accountId":"123456789012","apiId":"aaaaaaaaaa","domainName":` +
	`"aaaaaaaaaa.execute-api.us-west-2.amazonaws.com","domainPrefix":"aaaaaaaaaa","http":{` +
	`"method":"GET","path":"/version",` +
	`"protocol":"HTTP/1.1","sourceIp":"1.2.3.4","userAgent":"curl/8.9.1"},"requestId":"LV7fzho-PHcEJPw=","routeKey":` +
	`"$default","stage":"$default","time":"21/Apr/2020:15:08:21 +0000","timeEpoch":1587481701067},"isBase64Encoded":false}`

// api is the whole API.
func api(tb testing.TB) http.Handler {
	tb.Helper()
	cfg, err := config.Load(nil, []string{"PODINFO_DATA_PATH=" + tb.TempDir()}, config.Server)
	if err != nil {
		tb.Fatal(err)
	}
	a, err := app.New(cfg, app.Options{Stderr: io.Discard, Exit: func(int) {}})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { a.Close(context.Background()) })
	return a.API
}

// BenchmarkInvoke holds one invocation through the adapter against the same bytes from a plain function of
// aws-lambda-go that decodes the same event.
func BenchmarkInvoke(b *testing.B) {
	served := adapter.New(api(b), adapter.Options{})
	ours := lambda.NewHandler(adapter.Buffered(served.Invoke))
	plain := lambda.NewHandler(func(_ context.Context, _ events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse,
		error) {
		return events.APIGatewayV2HTTPResponse{
			StatusCode: http.StatusOK,
			Headers: map[string]string{
				"Content-Type": "application/json; charset=utf-8", "X-Content-Type-Options": "nosniff",
			},
			Body: versionBody,
		}, nil
	})
	for _, side := range []struct {
		name    string
		handler lambda.Handler
	}{{"ours", ours}, {"plain", plain}} {
		b.Run(side.name, func(b *testing.B) {
			ctx, cancel := context.WithTimeout(b.Context(), time.Hour) // as every invocation has
			defer cancel()
			b.ReportAllocs()
			for b.Loop() {
				answer, err := side.handler.Invoke(ctx, []byte(versionEvent))
				if err != nil || len(answer) < len(versionBody) {
					b.Fatalf("answer %q, error %v", answer, err)
				}
			}
		})
	}
}
