// Command gen makes the embedded API documents from openapi.yaml, the source: openapi.json, which is the same document
// as JSON, and swagger.json, which is that document converted to Swagger 2.0, both compressed with gzip. It is run by
// go generate in the folder that holds them.
package main

import (
	"bytes"
	"compress/gzip"
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
		if err := write(name+".gz", document); err != nil {
			return err
		}
	}
	return nil
}

// write writes a document compressed. The header of the file has no time: the same document makes the same file.
func write(name string, document []byte) error {
	var compressed bytes.Buffer
	w, err := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(document); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(name, compressed.Bytes(), 0o644) //nolint:gosec // It is for everyone to read.
}
