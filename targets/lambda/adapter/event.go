package adapter

import (
	"cmp"
	"strings"
)

// event is what all the kinds of HTTP event have in them, together, each part as far as the request needs it.
type event struct {
	version  string // "2.0", "1.0", or none
	method   string // httpMethod
	path     string
	rawPath  string // format 2.0
	rawQuery string // format 2.0
	body     string
	base64   bool

	// JSON, read by the kinds that have them.
	headers, multiHeaders []byte
	query, multiQuery     []byte
	cookies               []byte

	context eventContext
}

// eventContext is the part of an event's requestContext that the request needs.
type eventContext struct {
	seen     bool // there is a requestContext
	elb      bool // it names a load balancer's target group
	http     bool // it describes the request, as format 2.0 does
	stage    string
	domain   string
	method   string // http.method
	path     string // http.path, or path: the client's, with the stage
	sourceIP string // identity.sourceIp or http.sourceIp
}

// parse reads an event once.
func parse(payload []byte) event {
	var e event
	for name, value := range members(payload) {
		switch string(name) {
		case "version":
			e.version = text(value)
		case "httpMethod":
			e.method = text(value)
		case "path":
			e.path = text(value)
		case "rawPath":
			e.rawPath = text(value)
		case "rawQueryString":
			e.rawQuery = text(value)
		case "headers":
			e.headers = value
		case "multiValueHeaders":
			e.multiHeaders = value
		case "queryStringParameters":
			e.query = value
		case "multiValueQueryStringParameters":
			e.multiQuery = value
		case "cookies":
			e.cookies = value
		case "body":
			e.body = text(value)
		case "isBase64Encoded":
			e.base64 = isTrue(value)
		case "requestContext":
			e.context.read(value)
		}
	}
	return e
}

func (c *eventContext) read(raw []byte) {
	c.seen = isObject(raw)
	for name, value := range members(raw) {
		switch string(name) {
		case "stage":
			c.stage = text(value)
		case "path":
			c.path = text(value)
		case "domainName":
			c.domain = text(value)
		case "elb":
			c.elb = isObject(value)
		case "http":
			c.http = isObject(value)
			c.readRequest(value)
		case "identity":
			c.readRequest(value)
		}
	}
}

// readRequest reads requestContext.http of format 2.0 or requestContext.identity of 1.0: an event has one of them.
func (c *eventContext) readRequest(raw []byte) {
	for name, value := range members(raw) {
		switch string(name) {
		case "method":
			c.method = text(value)
		case "path":
			c.path = text(value)
		case "sourceIp":
			c.sourceIP = text(value)
		}
	}
}

// ownDomain tells whether the request came by the domain that API Gateway gives every API, not by a custom one. Only
// there does a path of format 1.0 begin with the stage; a custom domain has the mapping's base path instead.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-stages.html
func (c *eventContext) ownDomain() bool {
	return c.domain == "" || strings.Contains(c.domain, ".execute-api.")
}

// singleValues reads a JSON object of strings.
func singleValues(raw []byte) map[string][]string {
	values := make(map[string][]string)
	for name, value := range members(raw) {
		if value[0] == '"' { // null: the name has no value
			values[unquote(name)] = []string{text(value)}
		}
	}
	return values
}

// multiValues reads a JSON object of arrays of strings.
func multiValues(raw []byte) map[string][]string {
	values := make(map[string][]string)
	for name, list := range members(raw) {
		for value := range elements(list) {
			key := unquote(name)
			values[key] = append(values[key], text(value))
		}
	}
	return values
}

// eitherValues reads the multi-value form where the event has it, else the single-value one: an event made by hand, or
// by the console's test page, has null for either.
func eitherValues(multi, single []byte) map[string][]string {
	if isObject(multi) {
		return multiValues(multi)
	}
	return singleValues(single)
}

// rawTarget is the path of an event of format 2.0. Every real one has a rawPath.
func (e *event) rawTarget() string { return cmp.Or(e.rawPath, e.context.path) }
