package openapi_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"

	"github.com/podinfo-targets/podinfo/handlers/openapi"
	"github.com/podinfo-targets/podinfo/handlers/openapi/internal/convert"
	"github.com/podinfo-targets/podinfo/shared/version"
)

func TestGeneratedFilesAreUpToDate(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	generated, err := convert.Documents(source)
	if err != nil {
		t.Fatalf("openapi.yaml: %v", err)
	}
	for name, want := range generated {
		if got := unpackedFile(t, name+".gz"); !bytes.Equal(got, want) {
			t.Errorf("%s is behind openapi.yaml: run go generate ./handlers/openapi", name)
		}
	}
}

// unpackedFile reads a compressed file. What is compared is what it holds: another version of Go may compress it
// otherwise.
func unpackedFile(t *testing.T, name string) []byte {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	return gunzip(t, file)
}

func TestDocumentsAreValid(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"", "/p"} {
		doc := parse3(t, openapi.New(prefix).OpenAPI())
		if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
			t.Errorf("openapi.json under %q: %v", prefix, err)
		}
		converted, err := openapi2conv.ToV3(parse2(t, openapi.New(prefix).Swagger()))
		if err != nil {
			t.Errorf("swagger.json under %q: %v", prefix, err)
			continue
		}
		if err := converted.Validate(t.Context()); err != nil {
			t.Errorf("swagger.json under %q: %v", prefix, err)
		}
	}
}

// Both documents describe the same operations, and Operations lists them.
func TestDocumentsAgree(t *testing.T) {
	t.Parallel()
	listed, err := openapi.Operations()
	if err != nil {
		t.Fatal(err)
	}
	docs := openapi.New("")
	var from3, from2 []openapi.Operation
	for path, item := range parse3(t, docs.OpenAPI()).Paths.Map() {
		for method := range item.Operations() {
			from3 = append(from3, openapi.Operation{Method: method, Path: path})
		}
	}
	for path, item := range parse2(t, docs.Swagger()).Paths {
		for method := range item.Operations() {
			from2 = append(from2, openapi.Operation{Method: method, Path: path})
		}
	}
	byPath := func(a, b openapi.Operation) int {
		return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method)
	}
	for _, operations := range [][]openapi.Operation{listed, from2, from3} {
		slices.SortFunc(operations, byPath)
	}
	if len(listed) == 0 || !slices.Equal(listed, from3) {
		t.Errorf("Operations lists %v,\nopenapi.json has %v", listed, from3)
	}
	if !slices.Equal(listed, from2) {
		t.Errorf("Operations lists %v,\nswagger.json has %v", listed, from2)
	}
}

func TestOperationsAreDescribed(t *testing.T) {
	t.Parallel()
	doc := parse3(t, openapi.New("").OpenAPI())
	var tags []string
	for _, tag := range doc.Tags {
		tags = append(tags, tag.Name)
	}
	ids := map[string]string{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			name := method + " " + path
			if op.Summary == "" {
				t.Errorf("%s has no summary", name)
			}
			if len(op.Tags) != 1 || !slices.Contains(tags, op.Tags[0]) {
				t.Errorf("%s has tags %q; want one of %q", name, op.Tags, tags)
			}
			if other, taken := ids[op.OperationID]; taken || op.OperationID == "" {
				t.Errorf("%s has operationId %q, which %q has too", name, op.OperationID, other)
			}
			ids[op.OperationID] = name
		}
	}
}

// Every error is the error object, under a status of its own.
func TestErrorsAreErrorObjects(t *testing.T) {
	t.Parallel()
	const object, fault = "#/components/schemas/Error", "#/components/schemas/Fault"
	for path, item := range parse3(t, openapi.New("").OpenAPI()).Paths.Map() {
		for method, op := range item.Operations() {
			for status, response := range op.Responses.Map() {
				content := response.Value.Content["application/json"]
				if content == nil || status < "400" || status == "default" {
					continue
				}
				if ref := content.Schema.Ref; ref != object && ref != fault {
					t.Errorf("%s %s answers %s with schema %q; want %s", method, path, status, ref, object)
				}
			}
		}
	}
}

// Each order to a plugin lists the errors that it can end with, and none of another order.
func TestOrdersToPluginsListTheirErrors(t *testing.T) {
	t.Parallel()
	paths := parse3(t, openapi.New("").OpenAPI()).Paths
	for _, c := range []struct {
		method, path string
		own          []string // beside those of every order
	}{
		{"POST", "/plugins/{name}/kill", []string{"200"}},
		{"POST", "/plugins/{name}/start", []string{"200", "502"}},
		{"POST", "/plugins/{name}/reload", []string{"200", "409", "502"}},
		{"DELETE", "/plugins/{name}", []string{"204", "409"}},
	} {
		want := append([]string{"400", "403", "404", "500", "501", "503", "504"}, c.own...)
		slices.Sort(want)
		responses := paths.Value(c.path).GetOperation(c.method).Responses.Map()
		if got := slices.Sorted(maps.Keys(responses)); !slices.Equal(got, want) {
			t.Errorf("%s %s lists %q, want %q", c.method, c.path, got, want)
		}
		if r := responses["503"]; r != nil && r.Value.Headers["Retry-After"] == nil {
			t.Errorf("%s %s does not say that Retry-After comes with 503", c.method, c.path)
		}
	}
}

func TestDocumentsNameTheRelease(t *testing.T) {
	t.Parallel()
	docs := openapi.New("")
	if got := parse3(t, docs.OpenAPI()).Info.Version; got != version.Version {
		t.Errorf("openapi.json is of version %s, the program of %s: change openapi.yaml and run go generate", got,
			version.Version)
	}
	if got := parse2(t, docs.Swagger()).Info.Version; got != version.Version {
		t.Errorf("swagger.json is of version %s, the program of %s", got, version.Version)
	}
}

func TestDocumentsNameThePrefix(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ prefix, want string }{
		{"", "/"},
		{"/p", "/p"},
		{"/a/b", "/a/b"},
		{`/with "quotes"`, "/with%20%22quotes%22"},
		{"/{stage}", "/%7Bstage%7D"},
		{"/ü", "/%C3%BC"},
	} {
		docs := openapi.New(tt.prefix)
		doc3 := parse3(t, docs.OpenAPI())
		if got := doc3.Servers[0].URL; len(doc3.Servers) != 1 || got != tt.want {
			t.Errorf("prefix %q: openapi.json has server %q, want %q", tt.prefix, got, tt.want)
		}
		if got := parse2(t, docs.Swagger()).BasePath; got != tt.want {
			t.Errorf("prefix %q: swagger.json has basePath %q, want %q", tt.prefix, got, tt.want)
		}
		if doc3.Paths.Value("/version") == nil {
			t.Errorf("prefix %q: the paths moved; they are relative to the server", tt.prefix)
		}
	}
}

func TestTokenValidationDemandsABearer(t *testing.T) {
	t.Parallel()
	op := parse3(t, openapi.New("").OpenAPI()).Paths.Value("/token/validate").Get
	if op.Security == nil || len(*op.Security) != 1 || (*op.Security)[0]["bearer"] == nil {
		t.Errorf("GET /token/validate has security %v, want bearer", op.Security)
	}
}

func parse3(t *testing.T, document []byte) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		t.Fatalf("openapi.json: %v", err)
	}
	return doc
}

func parse2(t *testing.T, document []byte) *openapi2.T {
	t.Helper()
	var doc openapi2.T
	if err := json.Unmarshal(document, &doc); err != nil {
		t.Fatalf("swagger.json: %v", err)
	}
	if doc.Swagger != "2.0" {
		t.Fatalf("swagger.json is of version %q", doc.Swagger)
	}
	return &doc
}
