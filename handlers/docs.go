package handlers

import (
	"net/http"
	"strings"

	"github.com/podinfo-targets/podinfo/handlers/openapi"
)

// swagger answers /swagger.json with the API's Swagger 2.0 document.
func (a *API) swagger(w http.ResponseWriter, _ *http.Request) {
	sendJSON(w, http.StatusOK, a.docs.Swagger())
}

// openAPI answers GET /openapi.json with the API's OpenAPI 3 document.
func (a *API) openAPI(w http.ResponseWriter, _ *http.Request) {
	sendJSON(w, http.StatusOK, a.docs.OpenAPI())
}

// swaggerUI serves Swagger UI and its copy of the document below /swagger/.
func (a *API) swaggerUI(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "Method not allowed", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, a.deps.Prefix+"/swagger/")
	switch name {
	case "":
		http.Redirect(w, r, a.deps.Prefix+"/swagger/index.html", http.StatusMovedPermanently)
		return
	case "doc.json":
		a.swagger(w, r)
		return
	}
	asset, ok := openapi.SwaggerUI(name)
	if !ok {
		http.Error(w, "Not Found", http.StatusNotFound)
		return
	}
	asset.ServeHTTP(w, r)
}
