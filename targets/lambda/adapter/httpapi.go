package adapter

import (
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// httpAPI serves Lambda integrations of API Gateway's HTTP APIs with payload format 2.0.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
//
// Its query arrives raw, its cookies in a field of their own, its headers joined with commas; its path begins with the
// stage, unless that is $default. So it does on a custom domain: the document says that the path does not have the
// mapping there, and https://github.com/CodeGenieApp/serverless-express/issues/465 that the stage stands in its place.
type httpAPI struct {
	library  converter
	basePath string
	prefix   string
}

func (f httpAPI) request(e *event) (*http.Request, error) {
	path := e.rawTarget()
	if stage := e.context.stage; stage != "" && stage != "$default" {
		path = stripSegments(path, "/"+stage)
	}
	return requestV2(f.library, e, underPrefix(f.prefix, stripSegments(path, f.basePath), e.rawTarget()))
}

// requestV2 makes the request of an event of format 2.0.
func requestV2(library converter, e *event, path string) (*http.Request, error) {
	if err := checkMethod(e.context.method); err != nil {
		return nil, err
	}
	r, err := library.httpRequest(events.APIGatewayV2HTTPRequest{
		RawPath:         "/",
		Body:            e.body,
		IsBase64Encoded: e.base64,
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{Method: e.context.method},
		},
	})
	if err != nil {
		return nil, err
	}
	r.Header = headersV2(e.headers)
	if cookies := joinCookies(e.cookies); cookies != "" {
		r.Header["Cookie"] = []string{cookies}
	}
	return r, mend(r, e.context.method, target(path, e.rawQuery), e.context.domain, e.context.sourceIP)
}

// headersV2 reads the headers of format 2.0, one value each, into an http.Header; it has a slice for all of the values,
// as net/textproto does.
func headersV2(raw []byte) http.Header {
	const usual = 14 // as many as fit the smallest map that has room for them
	header, all := make(http.Header, usual), make([]string, 0, usual)
	for name, value := range members(raw) {
		if value[0] != '"' { // null: the header was not sent
			continue
		}
		all = append(all, text(value))
		header[http.CanonicalHeaderKey(unquote(name))] = all[len(all)-1 : len(all) : len(all)]
	}
	return header
}

// joinCookies makes one Cookie header of the cookies, as HTTP/1.1 has it (RFC 6265 §5.4).
func joinCookies(raw []byte) string {
	var all []string
	for cookie := range elements(raw) {
		if value := text(cookie); value != "" {
			all = append(all, value)
		}
	}
	return strings.Join(all, "; ")
}

func (f httpAPI) response(r *reply) (any, error) {
	response, err := f.library.httpResponse(r)
	response.MultiValueHeaders = map[string][]string{} // not null; format 2.0 has none
	return response, err
}

func (httpAPI) limit() int { return bufferedLimit }
