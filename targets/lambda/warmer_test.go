package main

import "testing"

func TestIsWarmer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		event string
		want  bool
	}{
		// https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-events.html
		"a schedule rule of EventBridge": {`{"version":"0","id":"89d1a02d-5ec7-412e-82f5-13505f849b41",
			"detail-type":"Scheduled Event","source":"aws.events","account":"123456789012",
			"time":"2016-12-30T18:44:49Z","region":"us-east-1",
			"resources":["arn:aws:events:us-east-1:123456789012:rule/SampleRule"],"detail":{}}`, true},
		"EventBridge Scheduler without input": {`{"version":"0","id":"d32c5kddcf5bb8c3",
			"detail-type":"Scheduled Event","source":"aws.scheduler","account":"123456789012",
			"time":"2026-11-22T10:28:41Z","region":"us-east-1",
			"resources":["arn:aws:scheduler:us-east-1:123456789012:schedule/default/warm"],"detail":"{}"}`, true},
		"serverless-plugin-warmup": {`{"source":"serverless-plugin-warmup"}`, true},
		"another event of EventBridge": {`{"version":"0","id":"fe8d3c65-xmpl-c5c3-2c87-81584709a377",
			"detail-type":"RDS DB Instance Event","source":"aws.rds","detail":{}}`, false},
		"an event of EventBridge's own": {`{"detail-type":"Schema Created","source":"aws.events"}`, false},
		"a message of a queue":          {`{"Records":[{"eventSource":"aws:sqs","body":"Scheduled Event"}]}`, false},
		"nothing":                       {`{}`, false},
		"null":                          {`null`, false},
		"a text":                        {`"serverless-plugin-warmup"`, false},
		"a source that is no text":      {`{"source":{"source":"serverless-plugin-warmup"}}`, false},
		"no JSON":                       {`{`, false},
	} {
		if got := isWarmer([]byte(test.event)); got != test.want {
			t.Errorf("%s: got %t, want %t", name, got, test.want)
		}
	}
}
