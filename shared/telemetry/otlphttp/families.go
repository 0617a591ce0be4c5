package otlphttp

import (
	"math"
	"time"

	dto "github.com/prometheus/client_model/go"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// origin names the scope of the metrics, as the OpenTelemetry project's own bridge from Prometheus does.
const origin = "go.opentelemetry.io/contrib/bridges/prometheus"

// cumulative is how Prometheus counts: from a start on, never back to zero.
const cumulative = metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE

// converter turns Prometheus families into OTLP metrics as
// https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/ says.
type converter struct {
	start time.Time // of the counting where a series does not know
	now   time.Time
}

func (c converter) scope(families []*dto.MetricFamily) *metricspb.ScopeMetrics {
	s := &metricspb.ScopeMetrics{Scope: &commonpb.InstrumentationScope{Name: origin}}
	for _, family := range families {
		if m := c.metric(family); m != nil {
			s.Metrics = append(s.Metrics, m)
		}
	}
	return s
}

// metric returns a family as a metric, or nil for the kinds that podinfo's registry never has.
func (c converter) metric(family *dto.MetricFamily) *metricspb.Metric {
	m := &metricspb.Metric{Name: family.GetName(), Description: family.GetHelp()}
	switch family.GetType() {
	case dto.MetricType_COUNTER:
		m.Data = &metricspb.Metric_Sum{Sum: &metricspb.Sum{
			AggregationTemporality: cumulative, IsMonotonic: true, DataPoints: points(family, c.counter),
		}}
	case dto.MetricType_GAUGE, dto.MetricType_UNTYPED:
		m.Data = &metricspb.Metric_Gauge{Gauge: &metricspb.Gauge{DataPoints: points(family, c.gauge)}}
	case dto.MetricType_HISTOGRAM:
		m.Data = &metricspb.Metric_Histogram{Histogram: &metricspb.Histogram{
			AggregationTemporality: cumulative, DataPoints: points(family, c.histogram),
		}}
	case dto.MetricType_SUMMARY:
		m.Data = &metricspb.Metric_Summary{Summary: &metricspb.Summary{DataPoints: points(family, c.summary)}}
	default:
		return nil
	}
	return m
}

// points converts each series of a family.
func points[P any](family *dto.MetricFamily, convert func(*dto.Metric) P) []P {
	list := make([]P, len(family.GetMetric()))
	for i, series := range family.GetMetric() {
		list[i] = convert(series)
	}
	return list
}

func (c converter) counter(series *dto.Metric) *metricspb.NumberDataPoint {
	return &metricspb.NumberDataPoint{
		Attributes: labels(series), TimeUnixNano: nanoseconds(c.now),
		StartTimeUnixNano: c.since(series.GetCounter().GetCreatedTimestamp()),
		Value:             &metricspb.NumberDataPoint_AsDouble{AsDouble: series.GetCounter().GetValue()},
	}
}

// gauge also takes a series without a type. Only one of the two values is there.
func (c converter) gauge(series *dto.Metric) *metricspb.NumberDataPoint {
	value := series.GetGauge().GetValue() + series.GetUntyped().GetValue()
	return &metricspb.NumberDataPoint{
		Attributes: labels(series), TimeUnixNano: nanoseconds(c.now),
		Value: &metricspb.NumberDataPoint_AsDouble{AsDouble: value},
	}
}

func (c converter) histogram(series *dto.Metric) *metricspb.HistogramDataPoint {
	h := series.GetHistogram()
	point := &metricspb.HistogramDataPoint{
		Attributes: labels(series), TimeUnixNano: nanoseconds(c.now),
		StartTimeUnixNano: c.since(h.GetCreatedTimestamp()), Count: h.GetSampleCount(), Sum: new(h.GetSampleSum()),
	}
	// Prometheus counts what is below a bound, OTLP what is between two. The last bucket has no bound.
	var below uint64
	for _, bucket := range h.GetBucket() {
		if math.IsInf(bucket.GetUpperBound(), 1) {
			break
		}
		point.ExplicitBounds = append(point.ExplicitBounds, bucket.GetUpperBound())
		point.BucketCounts = append(point.BucketCounts, bucket.GetCumulativeCount()-below)
		below = bucket.GetCumulativeCount()
	}
	point.BucketCounts = append(point.BucketCounts, h.GetSampleCount()-below)
	return point
}

func (c converter) summary(series *dto.Metric) *metricspb.SummaryDataPoint {
	s := series.GetSummary()
	point := &metricspb.SummaryDataPoint{
		Attributes: labels(series), TimeUnixNano: nanoseconds(c.now),
		StartTimeUnixNano: c.since(s.GetCreatedTimestamp()), Count: s.GetSampleCount(), Sum: s.GetSampleSum(),
	}
	for _, q := range s.GetQuantile() {
		point.QuantileValues = append(point.QuantileValues,
			&metricspb.SummaryDataPoint_ValueAtQuantile{Quantile: q.GetQuantile(), Value: q.GetValue()})
	}
	return point
}

// since returns when a series began to count.
func (c converter) since(created *timestamppb.Timestamp) uint64 {
	if created == nil {
		return nanoseconds(c.start)
	}
	return nanoseconds(created.AsTime())
}

func labels(series *dto.Metric) []*commonpb.KeyValue {
	list := make([]*commonpb.KeyValue, len(series.GetLabel()))
	for i, label := range series.GetLabel() {
		list[i] = &commonpb.KeyValue{Key: label.GetName(), Value: textOf(label.GetValue())}
	}
	return list
}
