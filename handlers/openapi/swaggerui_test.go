package openapi_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/handlers/openapi"
)

// names are the files of Swagger UI.
var names = []string{
	"index.html", "page.css", "initializer.js", "swagger-ui.css", "swagger-ui-bundle.js",
	"favicon-32x32.png", "LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt",
}

// A client gets the same content whatever encoding it takes, under one tag, and nothing again once it has it.
func TestAssetsAreServed(t *testing.T) {
	t.Parallel()
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plain := get(t, name, nil)
			packed := get(t, name, http.Header{"Accept-Encoding": {"br, gzip;q=0.8"}})
			if plain.Code != http.StatusOK || plain.Header().Get("Content-Encoding") != "" || plain.Body.Len() == 0 {
				t.Fatalf("answered %d, encoding %q, %d bytes; want 200, none, some", plain.Code,
					plain.Header().Get("Content-Encoding"), plain.Body.Len())
			}
			if got := unpacked(t, packed); !bytes.Equal(got, plain.Body.Bytes()) {
				t.Errorf("compressed it holds %d bytes, plain %d: not the same", len(got), plain.Body.Len())
			}
			tag := plain.Header().Get("ETag")
			if tag == "" || packed.Header().Get("ETag") != tag {
				t.Errorf("tags are %q plain and %q compressed; want the same", tag, packed.Header().Get("ETag"))
			}
			again := get(t, name, http.Header{"If-None-Match": {`"other", ` + tag}})
			if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
				t.Errorf("a client that has it gets %d and %d bytes; want 304 and none", again.Code, again.Body.Len())
			}
		})
	}
}

func TestLargeAssetsAreKeptCompressed(t *testing.T) {
	t.Parallel()
	for _, name := range names {
		asset, _ := openapi.SwaggerUI(name)
		if len(asset.Data) > 16<<10 && asset.Encoding != "gzip" {
			t.Errorf("%s takes %d bytes of the program uncompressed", name, len(asset.Data))
		}
	}
}

func TestEncodingIsNegotiated(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]string{
		"":                      "",
		"gzip":                  "gzip",
		"GZIP":                  "gzip",
		"deflate, gzip;q=1.0":   "gzip",
		"*":                     "gzip",
		"br;q=1, *;q=0.1":       "gzip",
		"gzip;q=0":              "",
		"gzip; q=0.000":         "",
		"gzip;q=0, *":           "",
		"*;q=0":                 "",
		"identity":              "",
		"gzip;q=many":           "",
		"notgzip, gzipped":      "",
		"br, zstd, deflate,, ,": "",
	} {
		answer := get(t, "swagger-ui.css", http.Header{"Accept-Encoding": {accept}})
		if got := answer.Header().Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q was answered in %q, want %q", accept, got, want)
		}
		if answer.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: a cache would serve the answer to others", accept)
		}
	}
}

func TestHeadHasNoBody(t *testing.T) {
	t.Parallel()
	asset, _ := openapi.SwaggerUI("index.html")
	answer := httptest.NewRecorder()
	asset.ServeHTTP(answer, httptest.NewRequest(http.MethodHead, "/swagger/index.html", nil))
	if answer.Body.Len() != 0 || answer.Header().Get("Content-Length") == "" {
		t.Errorf("HEAD was answered with %d bytes and length %q", answer.Body.Len(),
			answer.Header().Get("Content-Length"))
	}
}

func TestUnknownAssets(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "doc.json", "vendor.sh", "README.md", "swagger-ui.css.gz", "../openapi.yaml"} {
		if _, ok := openapi.SwaggerUI(name); ok {
			t.Errorf("%q is served", name)
		}
	}
}

// The page runs under its own policy: every script and style is a file, and every address is relative.
func TestPageIsSelfContained(t *testing.T) {
	t.Parallel()
	answer := get(t, "index.html", nil)
	page := answer.Body.String()
	if got := answer.Header().Get("Content-Security-Policy"); got != openapi.ContentSecurityPolicy {
		t.Errorf("the page comes under the policy %q", got)
	}
	for _, forbidden := range []string{"://", `="/`, "style=", "<style", "onclick", "onload"} {
		if strings.Contains(page, forbidden) {
			t.Errorf("the page contains %q", forbidden)
		}
	}
	if inline := regexp.MustCompile(`<script[^>]*>[^<]`).FindString(page); inline != "" {
		t.Errorf("the page has an inline script: %s", inline)
	}
	for _, link := range regexp.MustCompile(`(?:src|href)="([^".]+\.[^"]+)"`).FindAllStringSubmatch(page, -1) {
		if _, ok := openapi.SwaggerUI(link[1]); !ok {
			t.Errorf("the page loads %s, which is not served", link[1])
		}
	}
}

func get(t *testing.T, name string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	asset, ok := openapi.SwaggerUI(name)
	if !ok {
		t.Fatalf("%s is not served", name)
	}
	request := httptest.NewRequest(http.MethodGet, "/swagger/"+name, nil)
	request.Header = header
	answer := httptest.NewRecorder()
	asset.ServeHTTP(answer, request)
	return answer
}

func unpacked(t *testing.T, answer *httptest.ResponseRecorder) []byte {
	t.Helper()
	if answer.Header().Get("Content-Encoding") != "gzip" {
		return answer.Body.Bytes()
	}
	return gunzip(t, answer.Body)
}

func gunzip(t *testing.T, compressed io.Reader) []byte {
	t.Helper()
	content, err := gzip.NewReader(compressed)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(content)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
