// Package convert turns the hand-written API document into the files that podinfo embeds. Only the generator and the
// tests import it: the server needs none of the libraries that it uses.
package convert

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
)

// Documents returns the generated files by name, made from an OpenAPI 3 document in YAML. The document must be valid,
// examples included.
func Documents(source []byte) (map[string][]byte, error) {
	doc3, err := load(source)
	if err != nil {
		return nil, err
	}
	openapi, err := render(doc3)
	if err != nil {
		return nil, err
	}
	doc2, err := openapi2conv.FromV3(doc3)
	if err != nil {
		return nil, fmt.Errorf("converting to Swagger 2.0: %w", err)
	}
	complete(doc2, doc3)
	swagger, err := render(doc2)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{"openapi.json": openapi, "swagger.json": swagger}, nil
}

func load(source []byte) (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromData(source)
	if err != nil {
		return nil, err
	}
	return doc, doc.Validate(context.Background(), openapi3.EnableExamplesValidation())
}

// render writes a document with its keys sorted and without HTML escapes, the way a person reads it.
func render(document json.Marshaler) ([]byte, error) {
	data, err := document.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var generic any
	if err := json.Unmarshal(data, &generic); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err = encoder.Encode(generic)
	return out.Bytes(), err
}

// complete adds what the conversion leaves out: the media types that an operation produces, and the schemas of answers
// that are not JSON, which would read as answers without a body. A body of several types may be anything: of their
// schemas Swagger 2.0 has room for one, which the conversion would pick at random.
func complete(doc2 *openapi2.T, doc3 *openapi3.T) {
	for name, response := range doc3.Components.Responses {
		completeResponse(doc2.Responses[name], response)
	}
	for path, item := range doc3.Paths.Map() {
		for method, op := range item.Operations() {
			completeOperation(doc2.Paths[path].GetOperation(method), op)
		}
	}
}

func completeOperation(to *openapi2.Operation, from *openapi3.Operation) {
	produces := map[string]bool{}
	for status, response := range from.Responses.Map() {
		for mediaType := range response.Value.Content {
			produces[mediaType] = true
		}
		completeResponse(to.Responses.Value(status), response)
	}
	to.Produces = slices.Sorted(maps.Keys(produces))
	slices.Sort(to.Consumes)
	for _, parameter := range to.Parameters {
		if parameter.In == "body" && len(to.Consumes) > 1 {
			parameter.Schema = &openapi2.SchemaRef{Value: &openapi2.Schema{}}
		}
	}
}

func completeResponse(to *openapi2.Response, from *openapi3.ResponseRef) {
	if to.Ref == "" && to.Schema == nil {
		to.Schema = textOrBytes(from.Value.Content)
	}
}

// textOrBytes is the Swagger 2.0 schema of an answer that is not JSON; nil stands for no body.
func textOrBytes(content openapi3.Content) *openapi2.SchemaRef {
	switch {
	case len(content) == 0:
		return nil
	case content["text/plain"] != nil || content["text/html"] != nil:
		return &openapi2.SchemaRef{Value: &openapi2.Schema{Type: &openapi3.Types{"string"}}}
	default:
		return &openapi2.SchemaRef{Value: &openapi2.Schema{Type: &openapi3.Types{"file"}}}
	}
}
