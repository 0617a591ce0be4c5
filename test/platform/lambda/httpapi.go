package lambda

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The documents of this file:
//
//	https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
//	https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
//	https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html

// v2Event is the event of payload format 2.0, which HTTP APIs and function URLs share.
type v2Event struct {
	Version         string            `json:"version"`
	RouteKey        string            `json:"routeKey"`
	RawPath         string            `json:"rawPath"`
	RawQueryString  string            `json:"rawQueryString"`
	Cookies         []string          `json:"cookies,omitempty"`
	Headers         map[string]string `json:"headers"`                         // lower case, values joined with commas
	Query           map[string]string `json:"queryStringParameters,omitempty"` // decoded, values joined with commas
	RequestContext  v2Context         `json:"requestContext"`
	Body            string            `json:"body,omitempty"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

type v2Context struct {
	AccountID    string `json:"accountId"`
	APIID        string `json:"apiId"`
	DomainName   string `json:"domainName"`
	DomainPrefix string `json:"domainPrefix"`
	HTTP         v2HTTP `json:"http"`
	RequestID    string `json:"requestId"`
	RouteKey     string `json:"routeKey"`
	Stage        string `json:"stage"`
	Time         string `json:"time"`
	TimeEpoch    int64  `json:"timeEpoch"`
}

type v2HTTP struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

// httpAPI is an HTTP API with the route $default and payload format 2.0.
func httpAPI(f *Function) http.Handler {
	return &door{
		f: f, bodyLimit: apiPayloadLimit, headerLimit: apiHeaderLimit, timeout: f.o.IntegrationTimeout,
		admit: func(w http.ResponseWriter, r *http.Request) bool {
			known := true
			if f.o.Stage != "$default" {
				_, known = underStage(r, f.o.Stage)
			}
			if !known || !slices.Contains(methods, r.Method) {
				httpFailure(w, noSuchPath)
				return false
			}
			return true
		},
		event: func(r request) any {
			e := newV2Event(r, f.o.Stage, apiID, apiID+".execute-api."+Region+".amazonaws.com")
			e.RawPath = decodedPath(e.RawPath)
			e.RequestContext.HTTP.Path = e.RawPath
			return e
		},
		answer: func(payload []byte) (answer, error) {
			// That text/plain stands in for the Content-Type of a response with a statusCode was seen, not read.
			return v2Answer(payload, "text/plain;charset=UTF-8")
		},
		fail: httpFailure,
	}
}

// newV2Event makes the event as function URLs have it.
func newV2Event(r request, stage, id, domain string) v2Event {
	e := v2Event{
		Version: "2.0", RouteKey: "$default", RawPath: r.path, RawQueryString: r.query, Cookies: cookies(r.header),
		RequestContext: v2Context{
			AccountID: AccountID, APIID: id, DomainName: domain, DomainPrefix: id,
			HTTP: v2HTTP{
				Method: r.Method, Path: r.path, Protocol: r.Proto, SourceIP: r.sourceIP(), UserAgent: r.UserAgent(),
			},
			RequestID: r.id, RouteKey: "$default", Stage: stage,
			Time: r.at.UTC().Format(requestTime), TimeEpoch: r.at.UnixMilli(),
		},
	}
	r.header.Del("Cookie")
	e.Headers = reduce(lowered(r.header), joined)
	e.Query = reduce(collect(parameters(r.query, "&", true)), joined)
	e.Body, e.IsBase64Encoded = carried(r.header, r.body)
	return e
}

// cookies returns the cookies of all Cookie headers.
func cookies(h http.Header) []string {
	var all []string
	for _, line := range h.Values("Cookie") {
		for cookie := range strings.SplitSeq(line, ";") {
			if cookie = strings.TrimSpace(cookie); cookie != "" {
				all = append(all, cookie)
			}
		}
	}
	return all
}

// decodedPath is what becomes of a path on its way through an HTTP API: in spite of its name, rawPath is decoded, and
// ends where a question mark was escaped. The documents do not say so; it is a well-known trap:
//
//	https://github.com/honojs/hono/issues/2156
//	https://github.com/fastify/aws-lambda-fastify/issues/169
//	https://github.com/hotsock/voker/pull/8 (captured events)
func decodedPath(path string) string {
	plain, err := url.PathUnescape(path)
	if err != nil {
		return path
	}
	plain, _, _ = strings.Cut(plain, "?")
	return plain
}

// v2Response is what a function may return in format 2.0.
type v2Response struct {
	Cookies         []string          `json:"cookies"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
	StatusCode      *int              `json:"statusCode"`
	Headers         map[string]scalar `json:"headers"`
	Body            string            `json:"body"`
}

// v2Answer reads a response of format 2.0. Valid JSON without a statusCode is a body of type application/json.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
func v2Answer(payload []byte, contentType string) (answer, error) {
	if !json.Valid(payload) {
		return answer{}, fmt.Errorf("the response is not JSON: %.80q", payload)
	}
	var marker map[string]json.RawMessage // stays nil for what is not an object
	_ = json.Unmarshal(payload, &marker)
	if _, stated := marker["statusCode"]; !stated {
		header := http.Header{"Content-Type": {"application/json"}}
		return compose(http.StatusOK, string(bytes.TrimSpace(payload)), false, header, "")
	}
	var out v2Response
	if err := json.Unmarshal(payload, &out); err != nil {
		return answer{}, fmt.Errorf("the response is not of payload format 2.0: %w", err)
	}
	if out.StatusCode == nil {
		return answer{}, errors.New("the response's statusCode is null")
	}
	return compose(*out.StatusCode, out.Body, out.IsBase64Encoded, v2Header(out.Headers, out.Cookies), contentType)
}

func v2Header(headers map[string]scalar, cookies []string) http.Header {
	header := http.Header{}
	for name, value := range headers {
		header.Add(name, string(value))
	}
	for _, cookie := range cookies {
		header.Add("Set-Cookie", cookie)
	}
	return header
}

// httpFailure answers as the HTTP API does by itself.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html
func httpFailure(w http.ResponseWriter, why failure) {
	switch why {
	case bodyTooLarge:
		problem(w, http.StatusRequestEntityTooLarge, "message", "Request Entity Too Large")
	case headerTooLarge: // the quota names no status; this is the one of RFC 6585
		problem(w, http.StatusRequestHeaderFieldsTooLarge, "message", "Request Header Fields Too Large")
	case outOfTime:
		problem(w, http.StatusServiceUnavailable, "message", "Service Unavailable")
	case noSuchPath, badMethod:
		problem(w, http.StatusNotFound, "message", "Not Found")
	default:
		problem(w, http.StatusInternalServerError, "message", "Internal Server Error")
	}
}
