package main

import "encoding/json"

// warmed is the answer to a warmer.
type warmed struct {
	Status string `json:"status"`
}

// isWarmer tells the events that are sent on a schedule to keep an instance of the function from being taken away:
//
//   - a schedule rule of EventBridge, "source":"aws.events" and "detail-type":"Scheduled Event":
//     https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-events.html
//   - EventBridge Scheduler without an input of its own, which differs in "source":"aws.scheduler":
//     https://docs.aws.amazon.com/lambda/latest/dg/with-eventbridge-scheduler.html
//   - serverless-plugin-warmup, and any schedule that is given this input, {"source":"serverless-plugin-warmup"}:
//     https://github.com/juanjoDiaz/serverless-plugin-warmup
func isWarmer(event json.RawMessage) bool {
	var e struct {
		Source     string `json:"source"`
		DetailType string `json:"detail-type"`
	}
	if json.Unmarshal(event, &e) != nil {
		return false
	}
	switch e.Source {
	case "aws.events", "aws.scheduler":
		return e.DetailType == "Scheduled Event"
	}
	return e.Source == "serverless-plugin-warmup"
}
