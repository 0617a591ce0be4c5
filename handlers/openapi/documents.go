// Package openapi holds the documents of the HTTP API and the page to read them with.
//
// The source is openapi.yaml, written by hand. Two documents are generated from it, committed and embedded:
// openapi.json (OpenAPI 3) and swagger.json (Swagger 2.0, which older tools read), both compressed, for they are in
// every binary. Swagger UI comes from npm, is kept compressed too and is served as it is kept. Nothing is read,
// unpacked or parsed before somebody asks.
package openapi

import (
	"bytes"
	"compress/gzip"
	_ "embed" // for the documents
	"encoding/json"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
)

//go:generate go run ./internal/gen

//go:embed openapi.json.gz
var openapiJSON []byte

//go:embed swagger.json.gz
var swaggerJSON []byte

// The one place in each document that names the path prefix of the API.
const (
	openapiBase = `"url": `      // servers[0].url, OpenAPI 3.0.3 §4.7.5
	swaggerBase = `"basePath": ` // Swagger 2.0, Swagger Object
	noPrefix    = `"/"`
)

// Documents are the API's documents under one path prefix. They are made when they are first asked for.
type Documents struct {
	openapi, swagger func() []byte
}

// New returns the documents of an API whose paths all start with prefix: empty, or with a leading and without a
// trailing slash.
func New(prefix string) *Documents {
	return &Documents{
		openapi: sync.OnceValue(func() []byte { return underPrefix(openapiJSON, openapiBase, prefix) }),
		swagger: sync.OnceValue(func() []byte { return underPrefix(swaggerJSON, swaggerBase, prefix) }),
	}
}

// OpenAPI returns the OpenAPI 3 document as JSON (https://spec.openapis.org/oas/v3.0.3). The caller must not change it.
func (d *Documents) OpenAPI() []byte { return d.openapi() }

// Swagger returns the Swagger 2.0 document as JSON (https://swagger.io/specification/v2/). The caller must not change
// it.
func (d *Documents) Swagger() []byte { return d.swagger() }

// underPrefix unpacks a document, puts prefix where it has the root after key, and takes its last line end off.
func underPrefix(compressed []byte, key, prefix string) []byte {
	document := bytes.TrimSuffix(unpack(compressed), []byte("\n"))
	if prefix == "" {
		return document
	}
	path, err := json.Marshal((&url.URL{Path: prefix}).EscapedPath())
	if err != nil { // A string always has a JSON form.
		panic(err)
	}
	return bytes.Replace(document, []byte(key+noPrefix), []byte(key+string(path)), 1)
}

// unpack returns an embedded document. That it can be unpacked is the package's own doing, and its tests'.
func unpack(compressed []byte) []byte {
	reader, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		panic(err)
	}
	document, err := io.ReadAll(reader)
	if err != nil {
		panic(err)
	}
	return document
}

// Operation is a method on a path, as the documents have it.
type Operation struct {
	Method string // in upper case
	Path   string // a template such as /cache/{key}, without prefix
}

// Operations lists what the OpenAPI document describes, by path and then method. A test holds it against the routes.
func Operations() ([]Operation, error) {
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(unpack(openapiJSON), &document); err != nil {
		return nil, err
	}
	var list []Operation
	for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(document.Paths[path])) {
			if method != "parameters" { // the only other member of a path that the document uses
				list = append(list, Operation{Method: strings.ToUpper(method), Path: path})
			}
		}
	}
	return list, nil
}
