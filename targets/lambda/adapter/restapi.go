package adapter

import (
	"io"
	"net/http"
	"net/url"

	"github.com/aws/aws-lambda-go/events"
)

// restAPI serves Lambda proxy integrations of API Gateway's REST APIs, and those of HTTP APIs with payload format 1.0.
//
// The platform's documents are below https://docs.aws.amazon.com/apigateway/latest/developerguide/:
//
//   - event and response: set-up-lambda-proxy-integrations.html
//   - response streaming: response-transfer-mode-lambda.html
//   - format 1.0 of HTTP APIs: http-api-develop-integrations-lambda.html
//
// Its parameters arrive decoded; its path has no stage, but the base path of a custom domain's mapping. Headers and
// parameters of several values are in fields of their own, which win.
type restAPI struct {
	library  converter
	basePath string
	prefix   string
}

func (f restAPI) request(e *event) (*http.Request, error) {
	if err := checkMethod(e.method); err != nil {
		return nil, err
	}
	r, err := f.library.restRequest(events.APIGatewayProxyRequest{
		HTTPMethod:        e.method,
		Path:              "/",
		MultiValueHeaders: eitherValues(e.multiHeaders, e.headers),
		Body:              e.body,
		IsBase64Encoded:   e.base64,
	})
	if err != nil {
		return nil, err
	}
	query := url.Values(eitherValues(e.multiQuery, e.query)).Encode()
	return r, mend(r, e.method, target(f.path(e), query), e.context.domain, e.context.sourceIP)
}

func (f restAPI) path(e *event) string {
	path := stripSegments(e.path, f.basePath)
	// Only HTTP APIs have the version in format 1.0, and theirs is the path with the stage.
	if e.version != "" && e.context.ownDomain() && e.context.stage != "$default" && e.context.stage != "" {
		path = stripSegments(path, "/"+e.context.stage)
	}
	return underPrefix(f.prefix, path, e.context.path)
}

func (f restAPI) response(r *reply) (any, error) {
	response, err := f.library.restResponse(r)
	response.Headers = map[string]string{} // not null; all of them are in MultiValueHeaders
	return response, err
}

func (restAPI) stream(r *reply, body io.Reader) any {
	return &events.APIGatewayProxyStreamingResponse{StatusCode: r.status, MultiValueHeaders: r.header, Body: body}
}

func (restAPI) limit() int { return bufferedLimit }
