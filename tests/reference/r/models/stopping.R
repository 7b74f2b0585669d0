# Patients whose scans stop, weighted by the inverse probability of going on, for tests/reference/test_stopping_r.py.
# Run from this folder: Rscript stopping.R; it draws the visits (stopping_visits.csv) and the patients
# (stopping_patients.csv), and writes stopping.csv. Days; a scan every 180 days with a window of 14, the first after 360.
library(survival)
set.seed(20260)
rows <- patients <- list()
for (patient in 0:159) {
  arm <- rbinom(1, 1, 0.5); age <- round(rnorm(1, 60, 9)); sick <- rbinom(1, 1, 0.4)
  death <- round(rexp(1, (0.015 + 0.06 * sick + 0.01 * arm) / 30.4375), 1) + 1; end <- round(runif(1, 600, 1800))
  time <- 0; response <- 0; k <- 0
  repeat {
    planned <- time + 180 * (1 + (k == 0)); following <- planned + round(runif(1, -14, 14)); before <- planned - 0.5
    stops <- rbinom(1, 1, plogis(-2.4 + 1.8 * sick + 0.02 * (age - 60) - 0.7 * response))
    seen <- !stops && following < death && following <= end
    event <- !seen && death <= min(before, end)
    stopped <- !seen && !event && min(death, end) > before && (death <= end || planned + 14 <= end)
    known <- planned + 14 <= end && (seen || death > planned + 14)
    rows[[length(rows) + 1]] <- data.frame(patient = patient, time_days = time, end_days = before,
                                           stopped = as.integer(stopped), known = as.integer(known), arm = arm,
                                           age = age, sick = sick, response = response, scanned = as.integer(k > 0))
    if (!seen) break
    time <- following; k <- k + 1; response <- rbinom(1, 1, 0.3)
  }
  patients[[length(patients) + 1]] <- data.frame(patient = patient, arm = arm, age = age, sick = sick,
                                                 end = if (event) death else min(before, end), event = as.integer(event))
}
visits <- do.call(rbind, rows)
patients <- do.call(rbind, patients)
write.csv(visits, "stopping_visits.csv", row.names = FALSE, quote = FALSE)
write.csv(patients, "stopping_patients.csv", row.names = FALSE, quote = FALSE)

tight <- glm.control(epsilon = 1e-14, maxit = 100)
visits$start <- visits$time_days / 30.4375
inside <- visits$start >= min(visits$start[visits$stopped == 1]) & visits$start <= max(visits$start[visits$stopped == 1])
fitted <- visits[inside & visits$known == 1, ]
timing <- stopped ~ start + I(start^2) + scanned
marginal <- glm(timing, binomial, fitted, control = tight)
conditional <- glm(update(timing, . ~ . + age + sick + response), binomial, fitted, control = tight)
p0 <- predict(marginal, visits, type = "response")
p1 <- predict(conditional, visits, type = "response")
visits$weight <- ave(ifelse(visits$stopped == 1 | !inside, 1, (1 - p0) / (1 - p1)), visits$patient, FUN = cumprod)
# The weight of a visit counts from the day of its planned scan on, or from that of the next one if it is earlier.
split <- do.call(rbind, lapply(seq_len(nrow(patients)), function(i) {
  own <- patients[i, ]; seen <- visits[visits$patient == own$patient, ]
  cuts <- rev(cummin(rev(seen$end_days)))
  start <- c(0, cuts); stop <- pmin(c(cuts, Inf), own$end); weight <- c(1, seen$weight)
  data.frame(patient = own$patient, arm = own$arm, start = start / 30.4375, stop = stop / 30.4375,
             event = as.integer(own$event & stop == own$end), weight = weight)[start < stop, ]
}))

out <- list()
note <- function(quantity, values) {
  out[[length(out) + 1]] <<- data.frame(quantity = quantity, position = seq_along(values),
                                        value = sprintf("%.15g", as.numeric(values)))
}
note("weights", c(sum(split$weight), max(split$weight), sum(split$weight^2)))
curve <- survfit(Surv(start, stop, event) ~ 1, split, weights = weight, id = patient)
at <- summary(curve, times = c(6, 12, 24))
note("survival", at$surv)
note("std_error", at$std.err)
note("median", quantile(curve, 0.5)$quantile)
note("naive_survival", summary(survfit(Surv(start, stop, event) ~ 1, split, id = patient), times = c(6, 12, 24))$surv)
cox <- coxph(Surv(start, stop, event) ~ arm, split, weights = weight, cluster = patient,
             control = coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 60))
note("cox", c(coef(cox), sqrt(vcov(cox))))
con <- file("stopping.csv", "w")
writeLines(sprintf("# %s; survival %s", R.version.string, packageVersion("survival")), con)
write.csv(do.call(rbind, out), con, row.names = FALSE, quote = FALSE)
close(con)
