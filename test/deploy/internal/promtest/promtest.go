// Package promtest evaluates PromQL with Prometheus' own engine over what a real podinfo exposes, so that a query in a
// dashboard, an alert or a metric template is known to have a value and the right one.
//
// Samples carry the time that the test gives them: a minute of traffic takes no minute.
package promtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

const (
	queryTimeout = 10 * time.Second
	// maxSamples bounds one query, in samples. It is far more than a test appends.
	maxSamples = 1_000_000
)

// Prometheus is a time series database with a query engine. It serves nothing and scrapes only when told.
type Prometheus struct {
	db     *tsdb.DB
	engine *promql.Engine
}

// New returns an empty Prometheus that ends with the test.
func New(t testing.TB) *Prometheus {
	t.Helper()
	db, err := tsdb.Open(t.TempDir(), nil, nil, tsdb.DefaultOptions(), nil)
	if err != nil {
		t.Fatal(err)
	}
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples: maxSamples,
		Timeout:    queryTimeout,
		Parser:     parser.NewParser(parser.Options{}),
	})
	t.Cleanup(func() {
		if err := errors.Join(engine.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	return &Prometheus{db: db, engine: engine}
}

// DB is the database, for tests that write to it by other ways than a scrape.
func (p *Prometheus) DB() *tsdb.DB { return p.db }

// Scrape reads the metrics at url, such as "http://127.0.0.1:9797/metrics", and keeps them as samples of the time at.
// The target's labels are name and value in turn: "namespace", "default", "pod", "podinfo-5d8f-x2x".
func (p *Prometheus) Scrape(t testing.TB, url string, at time.Time, target ...string) {
	t.Helper()
	answer := testkit.Get(t, url)
	if answer.Status != http.StatusOK {
		t.Fatalf("scraping %s: status %d: %s", url, answer.Status, answer.Body)
	}
	if err := p.Add([]byte(answer.Body), answer.Header.Get("Content-Type"), at, target...); err != nil {
		t.Fatalf("scraping %s: %v", url, err)
	}
}

// Add keeps metrics that were read in another way than by Scrape.
func (p *Prometheus) Add(text []byte, contentType string, at time.Time, target ...string) (err error) {
	metrics, err := textparse.New(text, contentType, labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil {
		return err
	}
	appender := p.db.Appender(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(err, appender.Rollback())
			return
		}
		err = appender.Commit()
	}()
	for {
		entry, err := metrics.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if entry != textparse.EntrySeries {
			continue
		}
		if err := appendSeries(appender, metrics, at, target); err != nil {
			return err
		}
	}
}

func appendSeries(to storage.Appender, metrics textparse.Parser, at time.Time, target []string) error {
	var exposed labels.Labels
	metrics.Labels(&exposed)
	series := labels.NewBuilder(exposed)
	for i := 0; i+1 < len(target); i += 2 {
		series.Set(target[i], target[i+1])
	}
	_, _, value := metrics.Series()
	_, err := to.Append(0, series.Labels(), at.UnixMilli(), value)
	return err
}

// Query evaluates an expression whose value is an instant vector at one time. The error is that of the query: an
// expression that does not parse, or one that cannot be evaluated.
func (p *Prometheus) Query(t testing.TB, expression string, at time.Time) (promql.Vector, error) {
	t.Helper()
	query, err := p.engine.NewInstantQuery(t.Context(), p.db, nil, expression, at)
	if err != nil {
		return nil, fmt.Errorf("%w in %s", err, expression)
	}
	defer query.Close()
	vector, err := query.Exec(t.Context()).Vector()
	if err != nil {
		return nil, fmt.Errorf("%w in %s", err, expression)
	}
	// The engine takes the slice back when the query is closed.
	return append(promql.Vector(nil), vector...), nil
}
