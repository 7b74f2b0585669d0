# Stanford heart transplant data as counting-process rows: what R's survival package says of a time-dependent state.
library(survival)
cat(R.version.string, "survival", as.character(packageVersion("survival")), "\n")
heart$tx <- as.numeric(heart$transplant) - 1
rows <- data.frame(id = heart$id, start = heart$start, stop = heart$stop, event = heart$event, tx = heart$tx, age = heart$age)
write.csv(rows, "heart.csv", row.names = FALSE)
out <- NULL
add <- function(name, value) out <<- rbind(out, data.frame(name = name, value = format(as.numeric(value), digits = 15)))
fit <- coxph(Surv(start, stop, event) ~ tx, data = heart)
add("td_log_hazard_ratio", coef(fit)); add("td_std_error", sqrt(vcov(fit)))
add("mantel_byar", fit$score)
breslow <- coxph(Surv(start, stop, event) ~ tx, data = heart, ties = "exact")
add("mantel_byar_exact_ties", breslow$score)
adjusted <- coxph(Surv(start, stop, event) ~ tx + age, data = heart)
add("td_adjusted_log_hazard_ratio", coef(adjusted)[1]); add("td_adjusted_std_error", sqrt(vcov(adjusted)[1, 1]))
last <- do.call(rbind, lapply(split(heart, heart$id), function(d) data.frame(id = d$id[1], time = max(d$stop), event = max(d$event),
  wait = if (any(d$tx == 1)) min(d$start[d$tx == 1]) else Inf)))
last$ever <- as.numeric(is.finite(last$wait))
naive <- coxph(Surv(time, event) ~ ever, data = last)
add("naive_log_hazard_ratio", coef(naive)); add("naive_std_error", sqrt(vcov(naive)))
add("naive_logrank", survdiff(Surv(time, event) ~ ever, data = last)$chisq)
for (L in c(30, 60, 100)) {
  d <- last[last$time > L, ]; d$t <- d$time - L; d$in30 <- as.numeric(d$wait <= L)
  f <- coxph(Surv(t, event) ~ in30, data = d)
  add(paste0("landmark_", L, "_log_hazard_ratio"), coef(f)); add(paste0("landmark_", L, "_std_error"), sqrt(vcov(f)))
  add(paste0("landmark_", L, "_logrank"), survdiff(Surv(t, event) ~ in30, data = d)$chisq)
  add(paste0("landmark_", L, "_n"), nrow(d))
}
sm <- survfit(Surv(start, stop, event) ~ tx, data = heart[heart$stop > 30, ])
late <- transform(heart[heart$stop > 30, ], start = pmax(start - 30, 0), stop = stop - 30)
sm <- survfit(Surv(start, stop, event) ~ tx, data = late)
s <- summary(sm, times = c(100, 300, 600))
for (i in seq_along(s$time)) add(paste0("simon_makuch_30_", s$strata[i], "_", s$time[i]), s$surv[i])
write.csv(out, "heart_expected.csv", row.names = FALSE, quote = FALSE)
