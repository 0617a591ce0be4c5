// Command gen makes the embedded API documents from openapi.yaml, the source: openapi.json, which is the same document
// as JSON, and swagger.json, which is that document converted to Swagger 2.0. It is run by go generate in the folder
// that holds them.
package main

import (
	"fmt"
	"os"

	"github.com/podinfo-targets/podinfo/handlers/openapi/internal/convert"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

const source = "openapi.yaml"

func run() error {
	text, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	documents, err := convert.Documents(text)
	if err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	for name, document := range documents {
		if err := os.WriteFile(name, document, 0o644); err != nil { //nolint:gosec // They are for everyone to read.
			return err
		}
	}
	return nil
}
