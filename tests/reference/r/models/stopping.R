# Patients whose visits stop, weighted by the inverse probability of continued scanning, for tests/reference/test_stopping_r.py.
# Run from this folder: Rscript stopping.R; it draws the visits (stopping_visits.csv) and writes stopping.csv.
library(survival)
set.seed(20260)
rows <- list()
for (patient in 1:160) {
  arm <- rbinom(1, 1, 0.5); age <- round(rnorm(1, 60, 9)); sick <- rbinom(1, 1, 0.4)
  death <- rexp(1, 0.015 + 0.06 * sick + 0.01 * arm); end <- runif(1, 20, 60)
  time <- 0; response <- 0; k <- 0
  repeat {
    following <- time + round(runif(1, 4, 8), 2)
    stops <- rbinom(1, 1, plogis(-2.4 + 1.8 * sick + 0.02 * (age - 60) - 0.7 * response))
    known <- as.integer(time + 14 <= end)
    going <- !(stops && known)
    event <- as.integer(going && death < min(following, end))
    last <- !going || event == 1 || following > end
    to <- if (!going) time else if (event == 1) round(death, 4) else if (last) time else following
    rows[[length(rows) + 1]] <- data.frame(patient = patient, start = time, stop = to, event = event,
                                           stopped = as.integer(!going), known = known, arm = arm, age = age,
                                           sick = sick, response = response, scanned = as.integer(k > 0))
    if (last) break
    time <- following; k <- k + 1; response <- rbinom(1, 1, 0.3)
  }
}
visits <- do.call(rbind, rows)
write.csv(visits, "stopping_visits.csv", row.names = FALSE, quote = FALSE)

tight <- glm.control(epsilon = 1e-14, maxit = 100)
timing <- stopped ~ start + I(start^2) + scanned
marginal <- glm(timing, binomial, visits, subset = known == 1, control = tight)
conditional <- glm(update(timing, . ~ . + age + sick + response), binomial, visits, subset = known == 1, control = tight)
p0 <- predict(marginal, visits, type = "response")
p1 <- predict(conditional, visits, type = "response")
visits$weight <- ave(ifelse(visits$stopped == 1, 1, (1 - p0) / (1 - p1)), visits$patient, FUN = cumprod)
split <- visits[visits$stop > visits$start, ]

out <- list()
note <- function(quantity, values) {
  out[[length(out) + 1]] <<- data.frame(quantity = quantity, position = seq_along(values),
                                        value = sprintf("%.15g", as.numeric(values)))
}
note("weights", c(sum(visits$weight), max(visits$weight), sum(visits$weight^2)))
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
