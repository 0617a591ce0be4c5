package openapi

import (
	"compress/gzip"
	_ "embed" // for the files of Swagger UI
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// The files of Swagger UI. As strings they are read from the program's own file when somebody asks, and never copied.
var (
	//go:embed swaggerui/index.html
	indexHTML string
	//go:embed swaggerui/page.css
	pageCSS string
	//go:embed swaggerui/initializer.js
	initializerJS string
	//go:embed swaggerui/swagger-ui.css.gz
	swaggerUICSS string
	//go:embed swaggerui/swagger-ui-bundle.js.gz
	swaggerUIBundle string
	//go:embed swaggerui/favicon-32x32.png
	favicon string
	//go:embed swaggerui/LICENSE
	licenseText string
	//go:embed swaggerui/NOTICE
	noticeText string
	//go:embed swaggerui/swagger-ui-bundle.js.LICENSE.txt
	bundleLicense string
)

// ContentSecurityPolicy is what Swagger UI needs and no more (https://www.w3.org/TR/CSP3/): its own files, the icons
// that its style sheet holds as data, and requests to the server that it came from.
const ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

// gzipped is the content coding of the assets that are kept compressed (RFC 9110 §8.4.1.3).
const gzipped = "gzip"

// Asset is one file of Swagger UI. It answers requests for itself.
type Asset struct {
	Data        string // as it is kept: in Encoding
	ContentType string
	Encoding    string // "gzip", or empty for none
	ETag        string // weak, for it names the content in any encoding (RFC 9110 §8.8.3)
}

// SwaggerUI returns the named file of Swagger UI, such as index.html. The second result is false when there is none.
func SwaggerUI(name string) (Asset, bool) {
	switch name {
	case "index.html":
		return plain(indexHTML, "text/html; charset=utf-8"), true
	case "page.css":
		return plain(pageCSS, "text/css; charset=utf-8"), true
	case "initializer.js":
		return plain(initializerJS, "text/javascript; charset=utf-8"), true
	case "swagger-ui.css":
		return compressed(swaggerUICSS, "text/css; charset=utf-8"), true
	case "swagger-ui-bundle.js":
		return compressed(swaggerUIBundle, "text/javascript; charset=utf-8"), true
	case "favicon-32x32.png":
		return plain(favicon, "image/png"), true
	case "LICENSE":
		return plain(licenseText, "text/plain; charset=utf-8"), true
	case "NOTICE":
		return plain(noticeText, "text/plain; charset=utf-8"), true
	case "swagger-ui-bundle.js.LICENSE.txt":
		return plain(bundleLicense, "text/plain; charset=utf-8"), true
	default:
		return Asset{}, false
	}
}

func plain(data, contentType string) Asset {
	return Asset{Data: data, ContentType: contentType, ETag: tag(crc32.ChecksumIEEE([]byte(data)), len(data))}
}

// compressed is an asset kept as gzip, whose last eight bytes are checksum and length of the content
// (RFC 1952 §2.3.1): the tag costs nothing.
func compressed(data, contentType string) Asset {
	trailer := []byte(data[len(data)-8:])
	sum, length := binary.LittleEndian.Uint32(trailer), binary.LittleEndian.Uint32(trailer[4:])
	return Asset{Data: data, ContentType: contentType, Encoding: gzipped, ETag: tag(sum, int(length))}
}

func tag(sum uint32, length int) string { return fmt.Sprintf(`W/"%08x-%x"`, sum, length) }

// ServeHTTP answers a GET or HEAD with the asset: as it is kept when the client takes that, decompressed on the way
// otherwise, or 304 when the client's copy is current.
func (a Asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("ETag", a.ETag)
	h.Set("Cache-Control", "no-cache") // Keep it, and ask whether it is current: the next release has the same names.
	if a.Encoding != "" {
		h.Set("Vary", "Accept-Encoding")
	}
	if current(r.Header.Values("If-None-Match"), a.ETag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", a.ContentType)
	h.Set("X-Content-Type-Options", "nosniff")
	if strings.HasPrefix(a.ContentType, "text/html") {
		h.Set("Content-Security-Policy", ContentSecurityPolicy)
	}
	unpack := a.Encoding != "" && !accepts(r.Header.Values("Accept-Encoding"), a.Encoding)
	if !unpack {
		h.Set("Content-Length", strconv.Itoa(len(a.Data)))
	}
	if !unpack && a.Encoding != "" {
		h.Set("Content-Encoding", a.Encoding)
	}
	if r.Method == http.MethodHead {
		return
	}
	if unpack {
		decompress(w, a.Data)
		return
	}
	_, _ = io.WriteString(w, a.Data)
}

// decompress writes the content of data, which is sound because it was embedded. Only the client can make it fail, by
// leaving, and then there is nobody to tell.
func decompress(w io.Writer, data string) {
	content, err := gzip.NewReader(strings.NewReader(data))
	if err != nil {
		panic(err)
	}
	_, _ = io.Copy(w, content) //nolint:gosec // It cannot be a bomb: it is our own.
}
