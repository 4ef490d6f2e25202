// Aspire
