package lambda

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// The documents of this file:
//
//	https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
//	https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
//	https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
//	https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html

// apiPayloadLimit is the payload limit of API Gateway, REST and HTTP APIs alike, in bytes.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
const apiPayloadLimit = 10 << 20

// apiHeaderLimit is the limit of all header values of a request together, for both as well, in bytes.
const apiHeaderLimit = 10_240

const apiID = "a1b2c3d4e5"

// restEvent is the event of a REST API with Lambda proxy integration, payload format 1.0.
type restEvent struct {
	Resource          string              `json:"resource"`
	Path              string              `json:"path"` // without the stage
	HTTPMethod        string              `json:"httpMethod"`
	Headers           map[string]string   `json:"headers"` // the last value of each
	MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
	Query             map[string]string   `json:"queryStringParameters"` // the last value of each, decoded
	MultiValueQuery   map[string][]string `json:"multiValueQueryStringParameters"`
	PathParameters    map[string]string   `json:"pathParameters"`
	StageVariables    map[string]string   `json:"stageVariables"`
	RequestContext    restContext         `json:"requestContext"`
	Body              *string             `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

type restContext struct {
	ResourceID        string       `json:"resourceId"`
	ResourcePath      string       `json:"resourcePath"`
	HTTPMethod        string       `json:"httpMethod"`
	ExtendedRequestID string       `json:"extendedRequestId"`
	RequestTime       string       `json:"requestTime"`
	Path              string       `json:"path"` // with the stage
	AccountID         string       `json:"accountId"`
	Protocol          string       `json:"protocol"`
	Stage             string       `json:"stage"`
	DomainPrefix      string       `json:"domainPrefix"`
	RequestTimeEpoch  int64        `json:"requestTimeEpoch"`
	RequestID         string       `json:"requestId"`
	Identity          restIdentity `json:"identity"`
	DomainName        string       `json:"domainName"`
	DeploymentID      string       `json:"deploymentId"`
	APIID             string       `json:"apiId"`
}

// restIdentity is about a caller whom nobody authenticated.
type restIdentity struct {
	CognitoIdentityPoolID         *string `json:"cognitoIdentityPoolId"`
	AccountID                     *string `json:"accountId"`
	CognitoIdentityID             *string `json:"cognitoIdentityId"`
	Caller                        *string `json:"caller"`
	SourceIP                      string  `json:"sourceIp"`
	PrincipalOrgID                *string `json:"principalOrgId"`
	AccessKey                     *string `json:"accessKey"`
	CognitoAuthenticationType     *string `json:"cognitoAuthenticationType"`
	CognitoAuthenticationProvider *string `json:"cognitoAuthenticationProvider"`
	UserARN                       *string `json:"userArn"`
	UserAgent                     string  `json:"userAgent"`
	User                          *string `json:"user"`
}

// requestTime is the form of timestamps in requestContext.
const requestTime = "02/Jan/2006:15:04:05 -0700"

// restAPI is a regional REST API with the resources / and /{proxy+}, each with the method ANY, and */* among its binary
// media types.
func restAPI(f *Function) http.Handler {
	return &door{
		f: f, bodyLimit: apiPayloadLimit, headerLimit: apiHeaderLimit, timeout: f.o.IntegrationTimeout,
		admit: func(w http.ResponseWriter, r *http.Request) bool {
			_, known := underStage(r, f.o.Stage)
			switch {
			case !known:
				restFailure(w, noSuchPath)
			case !slices.Contains(methods, r.Method):
				restFailure(w, badMethod)
			default:
				return true
			}
			return false
		},
		event:  func(r request) any { return newRESTEvent(r, f.o.Stage) },
		answer: restAnswer,
		fail:   restFailure,
	}
}

// underStage returns the path below the stage, and tells whether the request is for this stage.
func underStage(r *http.Request, stage string) (string, bool) {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	rest, ok := strings.CutPrefix(path, "/"+stage)
	if rest == "" {
		return "/", ok
	}
	return rest, ok && rest[0] == '/'
}

func newRESTEvent(r request, stage string) restEvent {
	path, _ := underStage(r.Request, stage)
	e := restEvent{Resource: "/", Path: path, HTTPMethod: r.Method}
	if path != "/" {
		e.Resource = "/{proxy+}"
		e.PathParameters = map[string]string{"proxy": strings.TrimPrefix(path, "/")}
	}
	for _, name := range []string{ // the request column of the table in the known issues
		"Content-Length", "Content-Md5", "Expect", "Max-Forwards", "Server", "Www-Authenticate",
	} {
		r.header.Del(name)
	}
	e.MultiValueHeaders = r.header
	e.Headers = reduce(r.header, last)
	// Parameters arrive decoded, and a semicolon splits the data, as the known issues have it.
	e.MultiValueQuery = collect(parameters(r.query, "&;", true))
	e.Query = reduce(e.MultiValueQuery, last)
	if len(r.body) > 0 { // */* is a binary media type, so every body is binary
		text := base64.StdEncoding.EncodeToString(r.body)
		e.Body, e.IsBase64Encoded = &text, true
	}
	e.RequestContext = restContext{
		ResourceID: "0abc12", ResourcePath: e.Resource, HTTPMethod: r.Method, ExtendedRequestID: randomHex(8),
		RequestTime: r.at.UTC().Format(requestTime), Path: r.path, AccountID: AccountID, Protocol: r.Proto,
		Stage: stage, DomainPrefix: apiID, RequestTimeEpoch: r.at.UnixMilli(), RequestID: r.id,
		Identity:   restIdentity{SourceIP: r.sourceIP(), UserAgent: r.UserAgent()},
		DomainName: apiID + ".execute-api." + Region + ".amazonaws.com", DeploymentID: "d1e2f3", APIID: apiID,
	}
	return e
}

// restResponse is what a function has to return. Anything else makes the response malformed.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
type restResponse struct {
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
	StatusCode        *int                `json:"statusCode"`
	Headers           map[string]scalar   `json:"headers"`
	MultiValueHeaders map[string][]scalar `json:"multiValueHeaders"`
	Body              string              `json:"body"`
}

func restAnswer(payload []byte) (answer, error) {
	var out restResponse
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&out); err != nil {
		return answer{}, fmt.Errorf("the response is no proxy response: %w", err)
	}
	if out.StatusCode == nil {
		return answer{}, errors.New("the response has no statusCode")
	}
	// Both are merged; a value that is in both counts as one of multiValueHeaders.
	header := http.Header{}
	for name, values := range out.MultiValueHeaders {
		for _, value := range values {
			header.Add(name, string(value))
		}
	}
	for name, value := range out.Headers {
		if !slices.Contains(header.Values(name), string(value)) {
			header.Add(name, string(value))
		}
	}
	remap(header)
	// That application/json stands in for a missing Content-Type was seen, not read.
	return compose(*out.StatusCode, out.Body, out.IsBase64Encoded, header, "application/json")
}

// remap renames the headers that API Gateway does not let through under their names.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
//
// Function URLs were seen to do the same with some of them; see functionurl.go.
func remap(h http.Header) {
	rename(h, "Authorization", "Content-Md5", "Date", "Max-Forwards", "Server", "User-Agent", "Www-Authenticate")
	for _, name := range []string{"Expect", "Host"} {
		h.Del(name)
	}
}

func rename(h http.Header, names ...string) {
	for _, name := range names {
		if values, ok := h[name]; ok {
			h["X-Amzn-Remapped-"+name] = values
			h.Del(name)
		}
	}
}

// restFailure answers as the REST API does by itself.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
func restFailure(w http.ResponseWriter, why failure) {
	switch why {
	case bodyTooLarge:
		restProblem(w, http.StatusRequestEntityTooLarge, "RequestTooLargeException",
			fmt.Sprintf("HTTP content length exceeded %d bytes.", apiPayloadLimit))
	case headerTooLarge: // the quota names no status; this is the one of RFC 6585
		restProblem(w, http.StatusRequestHeaderFieldsTooLarge, "RequestHeaderFieldsTooLargeException",
			"Request Header Fields Too Large")
	case outOfTime:
		restProblem(w, http.StatusGatewayTimeout, "InternalServerErrorException", "Endpoint request timed out")
	case noSuchPath:
		restProblem(w, http.StatusForbidden, "ForbiddenException", "Forbidden")
	case badMethod:
		restProblem(w, http.StatusForbidden, "MissingAuthenticationTokenException", "Missing Authentication Token")
	default:
		restProblem(w, http.StatusBadGateway, "InternalServerErrorException", "Internal server error")
	}
}

func restProblem(w http.ResponseWriter, status int, errorType, message string) {
	w.Header().Set("X-Amzn-Errortype", errorType)
	problem(w, status, "message", message)
}
