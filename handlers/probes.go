package handlers

import "net/http"

// healthz answers GET /healthz and /health/live: 200 while the process should be left alone, else 503.
func (a *API) healthz(w http.ResponseWriter, _ *http.Request) { a.probe(w, a.deps.Health.Live()) }

// readyz answers GET /readyz and /health/ready: 200 while the process should get traffic, else 503.
func (a *API) readyz(w http.ResponseWriter, _ *http.Request) { a.probe(w, a.deps.Health.Ready()) }

func (a *API) probe(w http.ResponseWriter, good bool) {
	if !good {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	sendJSON(w, http.StatusOK, a.fixed.ok)
}

// enableReady answers POST /readyz/enable: traffic is welcome again, whatever the start-up flag said.
func (a *API) enableReady(w http.ResponseWriter, _ *http.Request) { a.switchReady(w, true) }

// disableReady answers POST /readyz/disable: traffic should go elsewhere.
func (a *API) disableReady(w http.ResponseWriter, _ *http.Request) { a.switchReady(w, false) }

func (a *API) switchReady(w http.ResponseWriter, ready bool) {
	a.deps.Health.SetReady(ready)
	w.WriteHeader(http.StatusAccepted)
}

// enableFaults answers POST /fault_injection/enable: from now on the routes that can be disturbed answer 500.
func (a *API) enableFaults(w http.ResponseWriter, _ *http.Request) { a.switchFaults(w, true) }

// disableFaults answers POST /fault_injection/disable.
func (a *API) disableFaults(w http.ResponseWriter, _ *http.Request) { a.switchFaults(w, false) }

func (a *API) switchFaults(w http.ResponseWriter, on bool) {
	a.deps.Faults.SetEnabled(on)
	sendJSON(w, http.StatusAccepted, a.fixed.faults(on))
}

// faultStatus answers GET /fault_injection/status with the state of the switch.
func (a *API) faultStatus(w http.ResponseWriter, _ *http.Request) {
	sendJSON(w, http.StatusOK, a.fixed.faults(a.deps.Faults.Enabled()))
}
