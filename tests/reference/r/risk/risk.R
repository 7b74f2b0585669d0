# Numbers of R's survival and cmprsk that tests/reference/test_risk_*.py hold ours against.
# usage: Rscript risk.R FOLDER_WITH_CSV OUTPUT.csv
suppressMessages({library(survival); library(cmprsk)})
args <- commandArgs(trailingOnly = TRUE)
read <- function(name) read.csv(file.path(args[1], paste0(name, ".csv")), stringsAsFactors = FALSE)
rows <- list()
put <- function(id, value) rows[[length(rows) + 1]] <<- data.frame(
  id = if (length(value) > 1) paste(id, seq_along(value), sep = ".") else id,
  value = format(as.numeric(value), digits = 16, trim = TRUE))

lung <- read("lung"); gbsg2 <- read("gbsg2"); larynx <- read("larynx"); aids <- read("aids")
stanford <- read("stanford"); diabetes <- read("diabetes"); whas <- read("whas"); veteran <- read("veteran")
bmt <- read("bmt"); g <- read("generated"); counting <- read("counting"); waltons <- read("waltons")
types <- c("log-log", "log", "plain", "logit", "arcsin")

at <- function(id, fit, times) {
  s <- summary(fit, times = times)
  put(paste0(id, "_survival"), s$surv); put(paste0(id, "_std_error"), s$std.err)
  put(paste0(id, "_lower"), s$lower); put(paste0(id, "_upper"), s$upper)
}
quantiles <- function(id, fit) {
  q <- quantile(fit, c(.25, .5, .75))
  put(paste0(id, "_quantile"), q$quantile); put(paste0(id, "_quantile_lower"), q$lower)
  put(paste0(id, "_quantile_upper"), q$upper)
}
# Kaplan-Meier: five intervals, quantiles, late entry, robust variance
for (type in types) {
  fit <- survfit(Surv(time, status) ~ 1, lung, conf.type = type)
  at(paste0("lung_km_", type), fit, c(100, 365, 700))
  quantiles(paste0("lung_km_", type), fit)
  fit <- survfit(Surv(entry, time, status == 1) ~ 1, g, conf.type = type)
  at(paste0("generated_entry_", type), fit, c(60, 200, 600))
  quantiles(paste0("generated_entry_", type), fit)
}
for (k in c("a", "b", "c")) {
  part <- g[g$group == k, ]
  quantiles(paste0("generated_months_", k), survfit(Surv(months, status == 1) ~ 1, part, conf.type = "log-log"))
  quantiles(paste0("generated_followup_", k), survfit(Surv(time, status == 0) ~ 1, part, conf.type = "log-log"))
}
at("aids_entry", survfit(Surv(W, T, D) ~ 1, aids, conf.type = "log-log"), c(3, 5, 7))
quantiles("aids_entry", survfit(Surv(W, T, D) ~ 1, aids, conf.type = "log-log"))
weighted <- list(
  generated_robust = survfit(Surv(time, status == 1) ~ 1, g, weights = weight, robust = TRUE, conf.type = "log-log"),
  generated_robust_entry = survfit(Surv(entry, time, status == 1) ~ 1, g, weights = weight, id = id, robust = TRUE, conf.type = "log-log"),
  generated_cluster = survfit(Surv(time, status == 1) ~ 1, g, weights = weight, cluster = centre, conf.type = "log-log"),
  generated_cluster_entry = survfit(Surv(entry, time, status == 1) ~ 1, g, weights = weight, id = id, cluster = centre, conf.type = "log-log"))
for (name in names(weighted)) {
  at(name, weighted[[name]], c(60, 200, 600)); quantiles(name, weighted[[name]])
  r <- residuals(weighted[[name]], times = 500, type = "auc", weighted = TRUE)
  cluster <- if (grepl("cluster", name)) g$centre else g$id
  put(paste0(name, "_rmst_std_error"), sqrt(sum(tapply(r, cluster, sum)^2)))
  put(paste0(name, "_rmst"), summary(weighted[[name]], rmean = 500)$table["rmean"])
}
for (h in c(365, 700)) put(paste0("lung_rmst_", h), summary(survfit(Surv(time, status) ~ 1, lung), rmean = h)$table[c("rmean", "se(rmean)")])
put("gbsg2_rmst_1500", as.vector(summary(survfit(Surv(time, cens) ~ horTh, gbsg2), rmean = 1500)$table[, c("rmean", "se(rmean)")]))
# between two times summary() takes the next time's number, which counts later entries: these are counted by definition
put("generated_at_risk", summary(survfit(Surv(entry, time, status == 1) ~ 1, g), times = c(10, 100))$n.risk)
put("generated_at_risk_between", sapply(c(105, 400), function(t) sum(g$entry < t & g$time >= t)))
put("generated_at_risk_none", summary(survfit(Surv(time, status == 1) ~ 1, g), times = c(0, 10, 100, 105, 400))$n.risk)
# tests
survdiff_ <- function(id, fit) {
  put(paste0(id, "_chisq"), fit$chisq)
  put(paste0(id, "_expected"), if (is.matrix(fit$exp)) rowSums(fit$exp) else fit$exp)
  put(paste0(id, "_variance"), diag(fit$var))
}
survdiff_("lung_logrank", survdiff(Surv(time, status) ~ sex, lung))
survdiff_("generated_logrank", survdiff(Surv(time, status == 1) ~ group, g))
survdiff_("generated_peto_rho1", survdiff(Surv(time, status == 1) ~ group, g, rho = 1))
survdiff_("generated_rho_half", survdiff(Surv(time, status == 1) ~ group, g, rho = 0.5))
survdiff_("generated_strata", survdiff(Surv(time, status == 1) ~ group + strata(stratum), g))
survdiff_("generated_strata_rho1", survdiff(Surv(time, status == 1) ~ group + strata(stratum), g, rho = 1))
survdiff_("generated_months_logrank", survdiff(Surv(months, status == 1) ~ group, g))
survdiff_("generated_replicated", survdiff(Surv(time, status == 1) ~ group, g[rep(seq_len(nrow(g)), g$count), ]))
survdiff_("veteran_logrank", survdiff(Surv(time, status) ~ celltype, veteran))
survdiff_("veteran_rho1", survdiff(Surv(time, status) ~ celltype, veteran, rho = 1))
survdiff_("gbsg2_strata", survdiff(Surv(time, cens) ~ horTh + strata(tgrade), gbsg2))
survdiff_("waltons_logrank", survdiff(Surv(T, E) ~ group, waltons))
score <- function(id, formula, data) put(id, coxph(formula, data, ties = "exact", iter.max = 0)$score)
score("generated_entry_score", Surv(entry, time, status == 1) ~ group, g)
score("generated_entry_strata_score", Surv(entry, time, status == 1) ~ group + strata(stratum), g)
score("stanford_mantel_byar", Surv(start, stop, event) ~ transplant, stanford)
score("counting_mantel_byar", Surv(start, stop, event) ~ state, counting)
g$score <- match(g$group, c("a", "b", "c")); g$odd <- c(a = 0, b = 1, c = 5)[g$group]
score("larynx_trend", Surv(time, death) ~ stage, larynx)
score("generated_trend", Surv(time, status == 1) ~ score, g)
score("generated_trend_scores", Surv(time, status == 1) ~ odd, g)
score("generated_trend_strata", Surv(time, status == 1) ~ score + strata(stratum), g)
pair <- combn(sort(unique(veteran$celltype)), 2, simplify = FALSE)
p <- sapply(pair, function(k) survdiff(Surv(time, status) ~ celltype, veteran[veteran$celltype %in% k, ])$pvalue)
put("veteran_pairwise_p", p); put("veteran_pairwise_holm", p.adjust(p, "holm"))
# Simon-Makuch is survfit on counting-process rows, by state, from a landmark
for (landmark in c(0, 30)) for (state in c(0, 1)) {
  part <- stanford[stanford$stop > landmark & stanford$transplant == state, ]
  part$start <- pmax(part$start, landmark) - landmark; part$stop <- part$stop - landmark
  at(paste0("stanford_simon_makuch_", landmark, "_", state),
     survfit(Surv(start, stop, event) ~ 1, part, conf.type = "log-log"), c(60, 180, 365))
}
# one-sample: exponential reference with S(500) = 0.5, with and without late entry
rate <- log(2) / 500
put("generated_one_sample", survdiff(Surv(time, status == 1) ~ offset(exp(-rate * time)), g)[c("obs", "exp", "chisq")])
put("poisson_intervals", as.vector(cipoisson(c(0, 1, 7, 40))))
# competing risks
g$state <- factor(g$status, 0:2, c("censor", "one", "two"))
late <- survfit(Surv(entry, time, state) ~ 1, g, id = id)
put("generated_aj_entry_incidence", summary(late, times = c(60, 200, 600))$pstate[, 2])
gray <- function(id, fit, groups, times) {
  put(paste0(id, "_gray"), as.vector(t(fit$Tests[, c("stat", "pv")])))
  if (is.null(times)) return(invisible())
  points <- timepoints(fit[names(fit) != "Tests"], times)
  for (k in seq_along(groups)) {
    name <- paste(groups[k], "1")
    put(paste0(id, "_", groups[k], "_incidence"), points$est[name, ])
    put(paste0(id, "_", groups[k], "_variance"), points$var[name, ])
  }
}
gray("generated", cuminc(g$time, g$status, g$group), c("a", "b", "c"), c(60, 200, 500))
gray("generated_months", cuminc(g$months, g$status, g$group), c("a", "b", "c"), c(2, 7, 16))
gray("bmt", cuminc(bmt$time, bmt$status, bmt$dis), c("0", "1"), c(6, 12, 24))
# interval-censored
turnbull <- survfit(Surv(left, ifelse(is.finite(right), right, NA), type = "interval2") ~ 1, diabetes)
s <- summary(turnbull, times = c(10, 20, 30, 40))
put("diabetes_turnbull", s$surv)

out <- do.call(rbind, rows)
stamp <- paste0("# ", R.version.string, "; survival ", packageVersion("survival"), "; cmprsk ", packageVersion("cmprsk"))
writeLines(c(stamp, "id,value", paste(out$id, out$value, sep = ",")), args[2])
